/**
 * One connection to the database file. With WAL and `synchronous = FULL`, a commit that returned is on the disk.
 * Several processes may open the file; writers take turns by BEGIN IMMEDIATE.
 *
 * node:sqlite works in the caller's thread, so the work itself is synchronous and short. Waiting for another process
 * must not be synchronous, because SQLite's own wait would block the thread. It also sleeps so long between its
 * attempts that one busy writer starves the others. So SQLite only waits for a moment, and this module does the rest of
 * the waiting off the thread and with jitter.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { StoreMeasures } from '../../application/storage/store-measures.ts';
import { isLocked, openingError, translateSqliteError } from './sqlite-error.ts';
import { WriteQueue } from './write-queue.ts';

/** How long SQLite waits on the thread. Another writer holds the file for about a millisecond. */
const busyTimeoutMs = 4;
/** Opening the file may have to wait for another process that migrates the schema. */
const openTimeoutMs = 5_000;
/** Longest wait in total. If it takes longer, the other process hangs. */
const lockWaitMs = 5_000;
/** Longest sleep between two attempts to get the lock. */
const lockPollMaxMs = 6;
/** A record of about 2,000 bytes still fits a page. Measured no slower than 4,096, and better for long records. */
const pageBytes = 8_192;
/** Pages in the log before a checkpoint: 32 MiB, so that a hot page is copied back once for many commits. */
const checkpointPages = 4_000;
const cacheKib = 32_768;

export interface SqliteDatabase {
  /** Compiles a statement once. It lives as long as the database. */
  prepare(sql: string): StatementSync;
  /** Atomic, and durable when it resolves. `name` labels the metrics. */
  write<T>(name: string, work: () => T): Promise<T>;
  /** Runs one statement, or several that need not see the same snapshot. */
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

/** Repeats `attempt` while another process holds the file. The lock was not granted, so nothing was done. */
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

/** A write may still wait for the lock when the database is closed. */
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
