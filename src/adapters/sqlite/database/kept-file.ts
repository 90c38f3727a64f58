/**
 * Whether the path still names the file that was opened. SQLite goes on with a file that somebody has moved, deleted or
 * replaced, so commits would be acknowledged that no later start finds. The log beside the database counts too, because
 * the newest commits are in it alone.
 */
import { statSync } from 'node:fs';

interface Watched {
  readonly path: string;
  readonly identity: string | undefined;
}

export class KeptFile {
  readonly #watched: readonly Watched[];

  /** Call it when the connection has read the database, so that its log exists. */
  constructor(path: string) {
    this.#watched = [path, `${path}-wal`]
      .map((one) => ({ path: one, identity: identityOf(one) }))
      .filter(({ identity }) => identity !== undefined);
  }

  /** The first file that is no longer where it was. */
  missing(): string | undefined {
    return this.#watched.find(({ path, identity }) => identityOf(path) !== identity)?.path;
  }
}

/**
 * Undefined if nothing can be found there, for whatever reason. A file of another disk may have the same number, and some
 * numbers are too long for a double.
 */
function identityOf(path: string): string | undefined {
  try {
    const found = statSync(path, { bigint: true });
    return `${found.dev}/${found.ino}`;
  } catch {
    return undefined;
  }
}
