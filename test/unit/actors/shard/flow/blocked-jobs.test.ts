/** Blocked jobs come back in the order of their places, and no more of them than there is room for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockedJobs } from '../../../../../src/actors/shard/flow/blocked-jobs.ts';
import { OutsideJobs } from '../../../../../src/actors/shard/flow/outside-jobs.ts';
import { ColdJobs } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';

const entries = Array.from({ length: 12 }, (_, place) => ({ place }) as JobEntry);
const entry = fc.constantFrom(...entries);
const step = fc.oneof(
  fc.record({ kind: fc.constant('add'), entry }),
  fc.record({ kind: fc.constant('leave'), entry }),
  fc.record({ kind: fc.constant('back'), room: fc.nat(4) }),
);

describe('blocked jobs', () => {
  it('come back as the first of those that are blocked, while no more than the room have had no turn', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const jobs = new BlockedJobs(new OutsideJobs(() => new ColdJobs(0).newTail()));
        const blocked = new Set<JobEntry>();
        const back = new Set<JobEntry>();
        for (const one of steps) {
          if (one.kind === 'back') {
            const first = [...blocked].toSorted((a, b) => a.place - b.place);
            const expected = first.slice(0, Math.max(0, one.room - back.size));
            expect(jobs.takeFirst(one.room)).toEqual(expected);
            for (const each of expected) blocked.delete(each);
            for (const each of expected) back.add(each);
          } else {
            back.delete(one.entry);
            if (one.kind === 'add') {
              jobs.add(one.entry);
              blocked.add(one.entry);
            } else expect(jobs.leave(one.entry)).toBe(blocked.delete(one.entry));
          }
          expect(jobs.size).toBe(blocked.size);
          expect(jobs.isEmpty).toBe(blocked.size + back.size === 0);
        }
      }),
    );
  });

  it('leave no place behind, however often they come and go', () => {
    const jobs = new BlockedJobs(new OutsideJobs(() => new ColdJobs(0).newTail()));
    const stays = { place: 0 } as JobEntry;
    jobs.add(stays);
    let looks = 0;
    for (let place = 1; place <= 10_000; place += 1) {
      const goes = { place } as JobEntry;
      Object.defineProperty(goes, 'place', {
        get: () => {
          looks += 1;
          return place;
        },
      });
      jobs.add(goes);
      jobs.leave(goes);
    }
    looks = 0;
    expect(jobs.takeFirst(2)).toEqual([stays]);
    expect(looks).toBeLessThan(100);
  });
});
