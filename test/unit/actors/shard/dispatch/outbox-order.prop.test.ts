/** Events of a job reach JetStream in their order, whatever it refuses, and whatever it may have lost meanwhile. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Outbox } from '../../../../../src/actors/shard/dispatch/outbox.ts';
import type { Publisher } from '../../../../../src/application/ports/bus.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import { composeJobId } from '../../../../../src/domain/job-id.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';

const jobs = [0n, 1n, 2n].map((n) => composeJobId({ createdAtMs: 1, shard: 1, queueNo: 1 }, n));
const tenantOf = (job: number): string => (job < 2 ? 'flood' : 'calm');

/** An event of a job happens; JetStream answers one of the messages in flight; it may have lost what it confirmed; a pause ends. */
const step = fc.oneof(
  fc.record({ job: fc.nat({ max: jobs.length - 1 }) }),
  fc.record({ answer: fc.nat({ max: 10 }), isTaken: fc.boolean() }),
  fc.constant('doubt' as const),
  fc.constant('pause' as const),
);

interface Call {
  readonly key: string;
  readonly settle: (isTaken: boolean) => void;
}

it('no event is sent while an earlier one of its job is not confirmed, or lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const kit = createTestKit();
      const calls: Call[] = [];
      const overtaken: string[] = [];
      /** What JetStream does not have: not confirmed, or lost since. */
      const missing = new Set<string>();
      const confirmed = new Set<string>();
      const seqs = new Map(jobs.map((jobId) => [jobId, 0]));
      const publisher: Pick<Publisher, 'publishWork' | 'publishEvent' | 'soundAtMs'> = {
        publishWork: () => Promise.reject(new Error('there is no work')),
        publishEvent: ({ jobId, seq }) => {
          const key = `${jobId}.${seq}`;
          for (let earlier = 1; earlier < seq; earlier += 1) {
            if (missing.has(`${jobId}.${earlier}`)) overtaken.push(`${earlier} by ${seq}`);
          }
          return new Promise((resolve, reject) => {
            const settle = (isTaken: boolean): void =>
              isTaken ? resolve() : reject(new TroupeError('BROKER_UNAVAILABLE'));
            calls.push({ key, settle });
          });
        },
        soundAtMs: () => undefined,
      };
      const outbox = new Outbox({
        clock: kit.clock,
        random: () => 1,
        windowMax: 3,
        syncMs: 1_000_000,
        unsyncedMax: 1_000,
        publisher: publisher as Publisher,
        isWanted: () => true,
        onPublished: () => undefined,
      });
      for (const one of steps) {
        if (one === 'doubt') {
          for (const key of confirmed) missing.add(key);
          confirmed.clear();
          outbox.tellAgain();
        } else if (one === 'pause') await kit.advance(20_000);
        else if ('job' in one) {
          const jobId = jobs[one.job] ?? jobs[0];
          if (jobId === undefined) continue;
          const seq = (seqs.get(jobId) ?? 0) + 1;
          seqs.set(jobId, seq);
          missing.add(`${jobId}.${seq}`);
          outbox.addEvent(
            { tenant: tenantOf(one.job), queue: 'default', jobId, seq, type: 'queued', atMs: 1, data: {} },
            1,
          );
          outbox.pump();
        } else if (calls.length > 0) {
          const [call] = calls.splice(one.answer % calls.length, 1);
          if (call !== undefined && one.isTaken && missing.delete(call.key)) confirmed.add(call.key);
          call?.settle(one.isTaken);
        }
        await kit.settle();
      }
      expect(overtaken).toEqual([]);
    }),
    { numRuns: 400 },
  );
});
