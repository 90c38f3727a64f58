/** Files on the node's disk. A missing file will also be missing on a retry, so the job is rejected. */
import { reject } from 'troupe/handlers';

export function rejectUnreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'UNKNOWN';
    throw reject(`${path} cannot be read on this node (${code})`, { code: 'FILE_UNREADABLE', cause });
  };
}
