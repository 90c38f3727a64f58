/**
 * One connection to the database file. WAL with `synchronous = FULL`: a commit that returned is on the disk. Several
 * processes may have the file open; writers take turns by BEGIN IMMEDIATE and wait at most `busyTimeoutMs`.
 * node:sqlite works in the caller's thread, so every call here is synchronous and short.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { TroupeError } from '../../domain/errors.ts';
import type { StoreMeasures } from '../../application/ports/store-measures.ts';
import { translateCommitError, translateSqliteError } from './sqlite-error.ts';

/** Another writer holds the file for about a millisecond. Waiting stops this thread, so it must end well before a lease does. */
const busyTimeoutMs = 2_000;
/** A record of about 2,000 bytes still fits a page; measured no slower than 4,096 and better for long records. */
const pageBytes = 8_192;
/** Pages in the log before a checkpoint: 32 MiB, so that hot pages are copied back once for many commits. */
const checkpointPages = 4_000;
const cacheKib = 32_768;

export interface SqliteDatabase {
  /** Compiles once; the statement lives as long as the database. */
  prepare(sql: string): StatementSync;
  /** All or nothing, and durable when it returns. `name` labels the measures. */
  write<T>(name: string, work: () => T): T;
  /** One statement, or several that need not see one snapshot. */
  read<T>(name: string, work: () => T): T;
  close(): void;
}

export function openDatabaseFile(path: string, maxPages?: number): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = new DatabaseSync(path, { timeout: busyTimeoutMs });
    file.exec(`PRAGMA page_size = ${String(pageBytes)}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    file.exec(
      `PRAGMA wal_autocheckpoint = ${String(checkpointPages)}; PRAGMA cache_size = -${String(cacheKib)}; PRAGMA temp_store = MEMORY;`,
    );
    if (maxPages !== undefined) file.exec(`PRAGMA max_page_count = ${String(maxPages)}`);
    return file;
  } catch (error) {
    throw translateSqliteError(error);
  }
}

/** Runs `work` in one write transaction of the file. */
export function inTransaction<T>(file: DatabaseSync, work: () => T): T {
  try {
    file.exec('BEGIN IMMEDIATE');
  } catch (error) {
    throw translateSqliteError(error);
  }
  try {
    const result = work();
    commit(file);
    return result;
  } catch (error) {
    if (file.isTransaction) file.exec('ROLLBACK');
    throw translateSqliteError(error);
  }
}

function commit(file: DatabaseSync): void {
  try {
    file.exec('COMMIT');
  } catch (error) {
    throw translateCommitError(error);
  }
}

export function createSqliteDatabase(file: DatabaseSync, measures: StoreMeasures): SqliteDatabase {
  const guarded = <T>(name: string, work: () => T): T => {
    if (!file.isOpen) throw new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' });
    return measures.querySync(name, work);
  };
  return {
    prepare: (sql) => file.prepare(sql),
    write: (name, work) => guarded(name, () => inTransaction(file, work)),
    read: (name, work) =>
      guarded(name, () => {
        try {
          return work();
        } catch (error) {
          throw translateSqliteError(error);
        }
      }),
    close() {
      if (file.isOpen) file.close();
    },
  };
}
