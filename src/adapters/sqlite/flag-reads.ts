/** The flags of a queue, in the order of their ids. */
import { flagPageRows, type EndedSource, type JobFlag } from '../../application/ports/ended-listing.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

export type FlagReads = (queueNo: number, nowMs: number) => EndedSource['flags'];

export function createFlagReads(database: SqliteDatabase): FlagReads {
  const statement = (direction: 'ASC' | 'DESC') =>
    database.prepare(
      `SELECT id, state, reason FROM job_flags
       WHERE queue_no = ? AND id > ? AND id < ? AND expires_at > ? ORDER BY id ${direction} LIMIT ?`,
    );
  const statements = { newest: statement('DESC'), oldest: statement('ASC') };
  return (queueNo, nowMs) =>
    async function* flags(range, order) {
      let { above, below } = range;
      for (;;) {
        const [from, to] = [above, below];
        const page = (await database.read('list_flags', () =>
          statements[order].all(queueNo, from, to, nowMs, flagPageRows),
        )) as unknown as readonly JobFlag[];
        yield page;
        const end = page.at(-1);
        if (end === undefined || page.length < flagPageRows) return;
        if (order === 'newest') below = end.id;
        else above = end.id;
      }
    };
}
