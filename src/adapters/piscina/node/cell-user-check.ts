/**
 * Only root may give its cells another user. With single rights of root (CAP_SETUID) a cell would keep them: Linux takes
 * them away from a process that was root, and from no other.
 */
import { TroupeError } from '../../../domain/errors.ts';

export function checkCellUser(cellUid: number | undefined, ownUid = process.getuid?.()): void {
  if (cellUid === undefined || ownUid === 0) return;
  const own = ownUid === undefined ? 'on a system without users' : `as user ${ownUid}`;
  const message = `workers.cellUid is ${cellUid}, but only root can give its cells another user, and this node runs ${own}`;
  throw new TroupeError('INVALID_ARGUMENT', { message });
}
