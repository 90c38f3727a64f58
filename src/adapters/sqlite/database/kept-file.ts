/**
 * Whether the path still names the file that was opened. SQLite goes on with a file that somebody has moved, deleted or
 * replaced, so commits would be acknowledged that no later start finds. The log beside the database counts too, because
 * the newest commits are in it alone.
 */
import { statSync } from 'node:fs';

interface Watched {
  readonly path: string;
  readonly inode: number | undefined;
}

export class KeptFile {
  readonly #watched: readonly Watched[];

  /** Call it when the connection has read the database, so that its log exists. */
  constructor(path: string) {
    this.#watched = [path, `${path}-wal`]
      .map((one) => ({ path: one, inode: inodeOf(one) }))
      .filter(({ inode }) => inode !== undefined);
  }

  /** The first file that is no longer where it was. */
  missing(): string | undefined {
    return this.#watched.find(({ path, inode }) => inodeOf(path) !== inode)?.path;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
