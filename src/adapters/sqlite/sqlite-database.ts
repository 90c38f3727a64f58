/**
 * One connection to the database file. WAL with `synchronous = FULL`: a commit that returned is on the disk. Several
 * processes may have the file open; writers take turns by BEGIN IMMEDIATE.
 *
 * node:sqlite works in the caller's thread, so the work itself is synchronous and short. Waiting for another process is
 * not: SQLite's own wait would stop the thread, and sleeps so long between its looks that one busy writer starves the
 * others. So it waits a moment only, and the rest of the wait is ours, off the thread and with jitter.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { StoreMeasures } from '../../application/ports/store-measures.ts';
import { isLocked, openingError, translateSqliteError } from './sqlite-error.ts';
import { WriteQueue } from './write-queue.ts';

/** The wait inside SQLite, on the thread. Another writer holds the file for about a millisecond. */
const busyTimeoutMs = 4;
/** Opening may have to wait for another process to make the schema. */
const openTimeoutMs = 5_000;
/** The wait in all; longer means that somebody hangs. */
const lockWaitMs = 5_000;
const lockPollMaxMs = 6;
/** A record of about 2,000 bytes still fits a page; measured no slower than 4,096 and better for long records. */
const pageBytes = 8_192;
/** Pages in the log before a checkpoint: 32 MiB, so that hot pages are copied back once for many commits. */
const checkpointPages = 4_000;
const cacheKib = 32_768;

export interface SqliteDatabase {
  /** Compiles once; the statement lives as long as the database. */
  prepare(sql: string): StatementSync;
  /** All or nothing, and durable when it returns. `name` labels the measures. */
  write<T>(name: string, work: () => T): Promise<T>;
  /** One statement, or several that need not see one snapshot. */
  read<T>(name: string, work: () => T): Promise<T>;
  close(): void;
}

export function openDatabaseFile(path: string, maxPages?: number): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = new DatabaseSync(path, { timeout: openTimeoutMs });
    file.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    file.exec(
      `PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA cache_size = -${cacheKib}; PRAGMA temp_store = MEMORY;`,
    );
    if (maxPages !== undefined) file.exec(`PRAGMA max_page_count = ${maxPages}`);
    return file;
  } catch (error) {
    throw openingError(error, path);
  }
}

/** `attempt` again while another process holds the file; the lock was not granted, so nothing was done. */
async function whileLocked<T>(clock: Clock, attempt: () => T): Promise<T> {
  const deadlineMs = clock.monotonicMs() + lockWaitMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isLocked(error) || clock.monotonicMs() > deadlineMs) throw error;
    }
    await new Promise<void>((resolve) => clock.setTimer(Math.random() * lockPollMaxMs, resolve));
  }
}

function whileOpen<T>(file: DatabaseSync, clock: Clock, work: () => T): Promise<T> {
  return whileLocked(clock, () => {
    if (!file.isOpen) throw new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' });
    return work();
  });
}

export function createSqliteDatabase(file: DatabaseSync, clock: Clock, measures: StoreMeasures): SqliteDatabase {
  file.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  const queue = new WriteQueue(file, (work) => whileOpen(file, clock, work));
  return {
    prepare: (sql) => file.prepare(sql),
    write: (name, work) => measures.query(name, () => queue.write(work)),
    read: (name, work) =>
      measures.query(name, () =>
        whileOpen(file, clock, () => {
          try {
            return work();
          } catch (error) {
            throw translateSqliteError(error);
          }
        }),
      ),
    close() {
      if (file.isOpen) file.close();
    },
  };
}
