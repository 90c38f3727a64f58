/** The earliest of instants that come and go is that of a look at all of them, and what is over takes little room. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Instants, InstantsOf } from '../../../../../src/actors/shard/dispatch/earliest-instant.ts';

/** Add an instant, or take out the one at this place. */
const step = fc.oneof(
  fc.record({ add: fc.integer({ min: 0, max: 30 }) }),
  fc.record({ remove: fc.nat({ max: 1_000 }) }),
);

describe('the earliest instant', () => {
  it('is that of a look at all of them, after each step', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const instants = new Instants();
        const all: number[] = [];
        for (const one of steps) {
          if ('add' in one) {
            all.push(one.add);
            instants.add(one.add);
          } else if (all.length > 0) {
            const [gone] = all.splice(one.remove % all.length, 1);
            if (gone !== undefined) instants.remove(gone);
          }
          expect(instants.earliestAtMs).toBe(Math.min(Infinity, ...all));
        }
      }),
    );
  });

  it('of keys is that of the instant that each was given last', () => {
    const keyed = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      atMs: fc.option(fc.integer({ min: 0, max: 30 })),
    });
    fc.assert(
      fc.property(fc.array(keyed, { maxLength: 200 }), (steps) => {
        const instants = new InstantsOf<string>();
        const all = new Map<string, number>();
        for (const { key, atMs } of steps) {
          if (atMs === null) {
            all.delete(key);
            instants.delete(key);
          } else {
            all.set(key, atMs);
            instants.set(key, atMs);
          }
          expect(instants.earliestAtMs).toBe(Math.min(Infinity, ...all.values()));
          expect([...instants.keys()].sort()).toEqual([...all.keys()].sort());
        }
      }),
    );
  });

  it('that stays for long does not make what came and went after it take room', () => {
    const instants = new Instants();
    instants.add(0);
    for (let atMs = 1; atMs <= 100_000; atMs += 1) {
      instants.add(atMs);
      instants.remove(atMs);
    }
    expect(instants.earliestAtMs).toBe(0);
    expect(instants.size).toBeLessThanOrEqual(1_003);
  });
});
