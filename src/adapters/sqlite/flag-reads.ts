/** Reads the flags of a queue in the order of their ids. */
import { flagPageRows, flagPages, type EndedSource, type JobFlag } from '../../application/storage/ended-listing.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

export type FlagReads = (queueNo: number, nowMs: number) => EndedSource['flags'];

export function createFlagReads(database: SqliteDatabase): FlagReads {
  const statement = (direction: 'ASC' | 'DESC') =>
    database.prepare(
      `SELECT id, state, reason FROM job_flags
       WHERE queue_no = ? AND id > ? AND id < ? AND expires_at > ? ORDER BY id ${direction} LIMIT ?`,
    );
  const statements = { newest: statement('DESC'), oldest: statement('ASC') };
  return (queueNo, nowMs) => (range, order) =>
    flagPages(range, order, async ({ above, below }) => {
      const rows = () => statements[order].all(queueNo, above, below, nowMs, flagPageRows);
      return (await database.read('list_flags', rows)) as unknown as readonly JobFlag[];
    });
}
