/** Translates the errors of the file system, by their code. */
import { TroupeError } from '../../domain/errors.ts';

const said: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EROFS', 'the disk is read-only'],
  ['EACCES', 'this process may not use it'],
  ['EPERM', 'this process may not use it'],
  ['EMFILE', 'this process has too many files open'],
  ['ENFILE', 'this machine has too many files open'],
  ['EIO', 'the disk reports an error'],
  ['ENOENT', 'it is not there'],
  ['ENOTDIR', 'it is not a folder'],
]);

export function fileCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : undefined;
}

export function folderText(folder: string): string {
  return `the folder of large payloads (${folder})`;
}

/** `folder` is the one that an operator knows and can mend. Errors that are not of the file system pass. */
export function translateFileError(error: unknown, folder: string): unknown {
  const code = fileCode(error);
  if (code === undefined) return error;
  return new TroupeError('STORE_UNAVAILABLE', {
    message: `${folderText(folder)}: ${said.get(code) ?? 'the file system failed'}`,
    metadata: { fileCode: code },
    cause: error,
  });
}
