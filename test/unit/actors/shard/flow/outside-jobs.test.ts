/** Which jobs are looked at, whether they may become cold: those that wait warm outside of their line, and no others. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutsideJobs } from '../../../../../src/actors/shard/flow/outside-jobs.ts';
import { isCold, PlacedJobs, type WaitingJob } from '../../../../../src/actors/shard/flow/placed-jobs.ts';
import { ColdJobs, type ColdSlot } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import { type JobEntry, QueueIndex } from '../../../../../src/actors/shard/table/queue-index.ts';
import { composeJobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';

const index = new QueueIndex('default', 'default');
const shape = { index, tally: index.tallyOf(testSpec()), queueNo: 1 };
const warm = Array.from({ length: 8 }, (_, place) => ({ place }) as JobEntry);

function coldOnes(cold: ColdJobs): readonly ColdSlot[] {
  return [20, 21].map((place) => {
    const id = composeJobId({ createdAtMs: 1_700_000_000_000, shard: 0, queueNo: 1 }, BigInt(place));
    return cold.add({ id, shape, state: 'QUEUED', readyAtMs: 0, deadlineAtMs: Infinity, place, inputBytes: 0 });
  });
}

function lookedAt(outside: OutsideJobs): readonly JobEntry[] {
  const found: JobEntry[] = [];
  outside.lookAtAll();
  outside.look(Infinity, (entry) => found.push(entry));
  return found;
}

const step = fc.record({
  kind: fc.constantFrom('add', 'delete', 'takeFirst', 'take'),
  place: fc.nat(1),
  job: fc.nat(9),
});

describe('jobs that wait outside of their line', () => {
  it('are looked at while they have their record, wherever they wait', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const cold = new ColdJobs(0);
        const jobs: readonly WaitingJob[] = [...warm, ...coldOnes(cold)];
        const outside = new OutsideJobs(() => cold.newTail());
        const places = [new PlacedJobs(outside), new PlacedJobs(outside)] as const;
        for (const { kind, place, job: at } of steps) {
          const [here, other] = place === 0 ? places : [places[1], places[0]];
          const job = jobs[at] ?? 0;
          if (kind === 'add' && !other.has(job)) here.add(job);
          else if (kind === 'delete') here.delete(job);
          else if (kind === 'takeFirst') here.takeFirst();
          else if (kind === 'take') here.take((one) => one === job);
          const there = jobs.filter((one) => !isCold(one) && places.some((some) => some.has(one)));
          expect(new Set(lookedAt(outside))).toEqual(new Set(there));
        }
      }),
    );
  });

  it('are looked at some at a time, and those that left meanwhile are not', () => {
    const outside = new OutsideJobs(() => new ColdJobs(0).newTail());
    for (const entry of warm) outside.came(entry);
    const found: number[] = [];
    const look = (most: number): number =>
      outside.look(most, (entry) => {
        found.push(entry.place);
        outside.left(entry);
      });
    expect(look(3)).toBe(3);
    outside.lookAtAll();
    expect(look(3)).toBe(0);
    outside.left(warm[4] as JobEntry);
    expect(look(10)).toBe(6);
    expect(found).toEqual([0, 1, 2, 3, 5, 6, 7]);
    outside.lookAtAll();
    expect(look(10)).toBe(10);
  });
});
