/** What a recovery is given of a partition: all that is left to do, and no more of a job than that needs. */
import { describe, expect, it } from 'vitest';
import type { RecoveryTerms } from '../../src/application/ports/job-store.ts';
import { briefOf, type JobBrief } from '../../src/domain/job-brief.ts';
import type { JobRecord, JobSpec } from '../../src/domain/job.ts';
import {
  bucketAgo,
  ended,
  freshQueueNo,
  freshShard,
  PartitionOwner,
  recordIn,
  recordsIn,
  type StoreUnderTest,
} from '../support/stores.ts';

interface Found {
  readonly records: readonly JobRecord[];
  readonly briefs: readonly JobBrief[];
  readonly stampedMs: number;
}

function byId<T extends { readonly id: string }>(jobs: readonly T[]): readonly T[] {
  return jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const requestKey = { keyHash: 'k', contentHash: 'c' };

export function describeRecovery(use: () => StoreUnderTest): void {
  describe('what a recovery reads', () => {
    const partition = { shard: freshShard(), bucket: bucketAgo(1) };
    const bucketAtMs = partition.bucket * 60_000;
    /** All events of the records below are in JetStream, unless a test says otherwise. */
    const terms: RecoveryTerms = { eventsFromMs: bucketAtMs + 59_000, isBrief: true, stampMaxMs: bucketAtMs + 90_000 };

    async function recover(records: readonly JobRecord[], other: Partial<RecoveryTerms> = {}): Promise<Found> {
      const { first, second } = use();
      const own = { ...partition, shard: freshShard() };
      const moved = records.map((record) => ({ ...record, id: recordIn(own, { ...record.spec }).id }));
      await (await PartitionOwner.take(first, own)).commit(moved);
      const found = { records: [] as JobRecord[], briefs: [] as JobBrief[], stampedMs: 0 };
      for await (const page of second.jobs.readBucket(own, () => ({ ...terms, ...other }))) {
        found.records.push(...page.records);
        found.briefs.push(...page.briefs);
        found.stampedMs = Math.max(found.stampedMs, page.stampedMs);
      }
      const kept = new Map(moved.map((record) => [record.id, record]));
      for (const record of found.records) expect(record).toEqual(kept.get(record.id));
      for (const brief of found.briefs) expect(brief).toEqual(briefOf(kept.get(brief.id) as JobRecord));
      return { ...found, records: byId(found.records), briefs: byId(found.briefs) };
    }

    const specs: readonly Partial<JobSpec>[] = [
      { queue: 'a', input: { kind: 'json', json: '{"text":"ä"}' } },
      { queue: 'a', handler: 'other', handlerVersion: '>=1.4', priority: 4 },
      { queue: 'a', handler: 'other', handlerVersion: '>=1.4', priority: 3 },
      { queue: 'a', fairnessKey: 'x', concurrencyKey: 'yz' },
      { queue: 'a', fairnessKey: 'xy', concurrencyKey: 'z' },
      { queue: 'a', fairnessKey: 'undefined' },
      { queue: 'b', queueTimeoutMs: 5_000, totalTimeoutMs: 7_000, input: { kind: 'bytes', base64: 'AAEC' } },
      { queue: 'b', unique: { key: 'u', onConflict: 'reject' }, input: { kind: 'erased' } },
      { queue: 'b', unique: { key: 'v', onConflict: 'reject', windowMs: 9_000 } },
      { queue: 'b', input: { kind: 'ref', id: 'p', bytes: 123_456, encoding: 'json' } },
    ];

    it('are the briefs of jobs that wait', async () => {
      const queueNo = freshQueueNo();
      const waiting = specs.map((spec) => recordIn(partition, { queueNo, ...spec }));
      const later: JobRecord[] = [
        { ...recordIn(partition, { queueNo }), state: 'SCHEDULED', readyAtMs: bucketAtMs + 1e6 },
        { ...recordIn(partition, { queueNo }), state: 'RETRYING', firstStartedAtMs: bucketAtMs + 7, requestKey },
      ];
      const found = await recover([...waiting, ...later]);
      expect(found.records).toEqual([]);
      expect(found.briefs).toHaveLength(waiting.length + later.length);
    });

    it('end behind a page that is full', async () => {
      const found = await recover(recordsIn(partition, 500));
      expect(found.briefs).toHaveLength(500);
    });

    it('are records if briefs do not suffice, of jobs that run, and of those with events that may be missing', async () => {
      const queueNo = freshQueueNo();
      const waiting = recordIn(partition, { queueNo });
      expect((await recover([waiting], { isBrief: false })).records).toHaveLength(1);
      expect((await recover([waiting], { eventsFromMs: waiting.createdAtMs })).records).toHaveLength(1);
      const run = { token: 't', node: 'n', attempt: 1, startedAtMs: bucketAtMs };
      expect((await recover([{ ...waiting, state: 'RUNNING', run }])).records).toHaveLength(1);
    });

    it.each([true, false])(
      'leave out what has ended and owes nothing, and keep its time (briefs: %s)',
      async (isBrief) => {
        const queueNo = freshQueueNo();
        const done = (spec: Partial<JobSpec> = {}): JobRecord => ended(recordIn(partition, { queueNo, ...spec }));
        const late = { ...done(), updatedAtMs: bucketAtMs + 80_000 };
        const wrong = { ...done(), updatedAtMs: terms.stampMaxMs + 1 };
        const nothing = await recover([done(), late, wrong, done({ unique: { key: 'w', onConflict: 'reject' } })], {
          isBrief,
        });
        expect(nothing).toEqual({ records: [], briefs: [], stampedMs: bucketAtMs + 80_000 });
        const keyed = { ...done(), requestKey };
        const held = done({ unique: { key: 'x', onConflict: 'reject', windowMs: 1_000 } });
        expect((await recover([keyed, held], { isBrief })).records).toHaveLength(2);
        expect((await recover([done()], { isBrief, eventsFromMs: 0 })).records).toHaveLength(1);
      },
    );
  });
}
