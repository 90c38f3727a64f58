/**
 * The connection to the database file. With WAL and `synchronous = FULL`, a commit that returned is on the disk.
 * Several processes may open the file; writers take turns by BEGIN IMMEDIATE.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openingError } from './sqlite-error.ts';

/**
 * How long SQLite itself waits for another writer, which holds the file for about a millisecond. SQLite sleeps so long
 * between its attempts that one busy writer starves the others, so whoever uses the file waits on with jitter.
 */
const busyTimeoutMs = 4;
/** Opening the file may have to wait for another process that migrates the schema. */
const openTimeoutMs = 5_000;
/** A record of about 2,000 bytes still fits a page. Measured no slower than 4,096, and better for long records. */
export const pageBytes = 8_192;
const cacheKib = 32_768;
/** To this size the log is cut when it begins anew. A backup that took long must not keep the disk from others for ever. */
const logKeptBytes = 64 << 20;

export interface DatabaseFileOptions {
  /** Its folder is created if necessary. */
  readonly path: string;
  /** Most pages to which this process lets the file grow. Beyond that, writes fail as on a full disk. */
  readonly maxPages?: number;
}

/** Checkpoints are left to the caller (`checkpoints.ts`): SQLite would run them within a commit. */
export function openDatabaseFile({ path, maxPages }: DatabaseFileOptions): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = new DatabaseSync(path, { timeout: openTimeoutMs });
    file.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    file.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -${cacheKib}; PRAGMA temp_store = MEMORY;`);
    file.exec(`PRAGMA journal_size_limit = ${logKeptBytes}`);
    if (maxPages !== undefined) file.exec(`PRAGMA max_page_count = ${maxPages}`);
    return file;
  } catch (error) {
    throw openingError(error, path);
  }
}

/** Call it after the migration of the schema, which waits for other processes in SQLite. */
export function waitBriefly(file: DatabaseSync): void {
  file.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
}
