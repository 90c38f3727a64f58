/** What the table counts of minutes and of queue numbers is what a look at all its jobs would say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnfinishedCounts } from '../../../../../src/actors/shard/table/unfinished-counts.ts';
import { standingOf } from '../../../../../src/actors/shard/table/queue-index.ts';
import { type JobRecord, jobStates } from '../../../../../src/domain/job.ts';
import { bucketMs, bucketOf, composeJobId } from '../../../../../src/domain/job-id.ts';
import { testRecord } from '../../../../support/jobs.ts';

const queueNos = [1, 2, 3];
const buckets = [0, 1, 2, 3];

const step = fc.record({
  job: fc.nat({ max: 11 }),
  state: fc.option(fc.constantFrom(...jobStates), { nil: undefined }),
});

describe('the counts of unfinished jobs', () => {
  it('follow each job that comes, changes and goes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const counts = new UnfinishedCounts();
        const jobs = new Map<number, JobRecord>();
        for (const { job, state } of steps) {
          const before = jobs.get(job);
          if (state === undefined) {
            if (before !== undefined) counts.remove(before);
            jobs.delete(job);
          } else if (before === undefined) {
            const queueNo = queueNos[job % queueNos.length] ?? 0;
            const createdAtMs = (job % buckets.length) * bucketMs;
            const id = composeJobId({ createdAtMs, shard: 1, queueNo }, BigInt(job));
            const record = { ...testRecord({ queueNo }), id, state };
            counts.add(record);
            jobs.set(job, record);
          } else {
            counts.move(before, { ...before, state });
            jobs.set(job, { ...before, state });
          }
          const present = [...jobs.values()];
          for (const bucket of buckets)
            expect(counts.ofBucket(bucket)).toBe(present.filter(({ id }) => bucketOf(id) === bucket).length);
          for (const queueNo of queueNos) {
            const of = { waiting: 0, later: 0, running: 0 };
            for (const one of present) if (one.spec.queueNo === queueNo) of[standingOf(one.state) ?? 'running'] += 1;
            expect(counts.ofQueue(queueNo)).toEqual(of);
          }
        }
      }),
    );
  });
});
