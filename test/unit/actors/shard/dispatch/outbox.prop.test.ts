/** What the outbox says of what JetStream does not surely have is what a look at all its facts would say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outbox } from '../../../../../src/actors/shard/dispatch/outbox.ts';
import type { Publisher } from '../../../../../src/application/ports/bus.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import { composeJobId, type JobId } from '../../../../../src/domain/job-id.ts';

type Kind = 'work' | 'event';

interface Fact {
  readonly kind: Kind;
  readonly jobId: JobId;
  readonly atMs: number;
  readonly number: number;
}

interface Call extends Fact {
  readonly settle: (isTaken: boolean) => void;
}

const jobs = Array.from({ length: 5 }, (_, n) => composeJobId({ createdAtMs: 1, shard: 1, queueNo: 1 }, BigInt(n)));
const place = { tenant: 'default', queue: 'default' };

const step = fc.oneof(
  fc.record({
    add: fc.constantFrom<Kind>('work', 'event'),
    job: fc.nat({ max: jobs.length - 1 }),
    atMs: fc.integer({ min: 0, max: 50 }),
  }),
  fc.record({ settle: fc.nat({ max: 100 }), isTaken: fc.boolean() }),
  fc.record({ tellAgain: fc.constant(true) }),
  fc.record({ retry: fc.constant(true) }),
);

const kinds: readonly Kind[] = ['work', 'event'];

describe('the outbox', () => {
  it.each([
    ['of a server that writes before it confirms', 0],
    ['of a server that may lose what it has confirmed', 1_000_000],
  ])(
    '%s knows the oldest fact of a kind, and for which jobs the latest message is not confirmed',
    async (_of, syncMs) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
          const kit = createTestKit();
          const calls: Call[] = [];
          const publish = (fact: Fact): Promise<void> =>
            new Promise((resolve, reject) => {
              const settle = (isTaken: boolean): void => {
                if (isTaken) resolve();
                else reject(new TroupeError('BROKER_UNAVAILABLE'));
              };
              calls.push({ ...fact, settle });
            });
          const publisher: Pick<Publisher, 'publishWork' | 'publishEvent' | 'soundAtMs'> = {
            publishWork: ({ jobId, attempt, again = 0 }) =>
              publish({ kind: 'work', jobId, atMs: attempt, number: again }),
            publishEvent: ({ jobId, atMs, seq: number }) => publish({ kind: 'event', jobId, atMs, number }),
            soundAtMs: () => undefined,
          };
          const outbox = new Outbox({
            clock: kit.clock,
            windowMax: 4,
            random: () => 1,
            syncMs,
            unsyncedMax: 1_000,
            publisher: publisher as Publisher,
            isWanted: () => true,
            onPublished: () => undefined,
          });
          const [open, confirmed]: [Fact[], Fact[]] = [[], []];
          let seq = 0;
          const latest = new Map<JobId, number>();
          for (const one of steps) {
            if ('add' in one) {
              seq += 1;
              const fact = { kind: one.add, jobId: jobs[one.job] as JobId, atMs: one.atMs, number: seq };
              open.push(fact);
              const { jobId, atMs } = fact;
              if (one.add === 'event') outbox.addEvent({ jobId, seq, type: 'queued', atMs, data: {}, ...place }, 1);
              else {
                const need = { handler: 'sim.work' };
                latest.set(jobId, seq);
                outbox.addWork(
                  { ...place, jobId, attempt: atMs, epoch: 1, again: seq, need, route: 'shared' },
                  atMs,
                  1,
                );
              }
              outbox.pump();
            } else if ('settle' in one && calls.length > 0) {
              const [call] = calls.splice(one.settle % calls.length, 1);
              call?.settle(one.isTaken);
              if (call !== undefined && one.isTaken) {
                const at = open.findIndex(({ number }) => number === call.number);
                confirmed.push(...open.splice(at, 1));
              }
            } else if ('tellAgain' in one) {
              outbox.tellAgain();
              if (syncMs > 0) open.push(...confirmed.splice(0));
            } else if ('retry' in one) await kit.advance(20_000);
            await kit.settle();
            const unsure = syncMs > 0 ? [...open, ...confirmed] : open;
            for (const kind of kinds) {
              const times = unsure.flatMap((fact) => (fact.kind === kind ? [fact.atMs] : []));
              expect(outbox.oldestAtMs(kind)).toBe(Math.min(Infinity, ...times));
            }
            const toSend = new Set(open.flatMap(({ jobId, number }) => (latest.get(jobId) === number ? [jobId] : [])));
            expect(jobs.filter((jobId) => outbox.isToSend(jobId))).toEqual(jobs.filter((jobId) => toSend.has(jobId)));
            expect(outbox.size).toBe(open.length);
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});
