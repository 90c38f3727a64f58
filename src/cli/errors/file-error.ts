/** Describes file system errors in words, with the name of the file. */

const words: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'the file or folder does not exist'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['EISDIR', 'it is a folder, not a file'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['EEXIST', 'something else already has this name'],
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['ENAMETOOLONG', 'the name is too long'],
  ['EMFILE', 'too many files are open'],
]);

/** Returns undefined for other errors. */
export function fileErrorWords(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? words.get(String(error.code)) : undefined;
}

/**
 * For example `/ro/data: the file system is read-only`. Returns undefined for errors without a path, and for other
 * errors.
 */
export function fileErrorText(error: unknown): string | undefined {
  const text = fileErrorWords(error);
  if (text === undefined || !(error instanceof Error) || !('path' in error)) return undefined;
  return `${String(error.path)}: ${text}`;
}
