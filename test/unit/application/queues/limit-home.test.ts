/** The names of limits, from which their homes follow: two limits never have the same. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { homeOfLimit, type LimitName, limitText } from '../../../../src/application/queues/limit-home.ts';
import { namePattern } from '../../../../src/domain/queue.ts';

const name = fc.oneof(fc.constantFrom('a', 'undefined', '__proto__', 'toString'), fc.stringMatching(namePattern));
const key = fc.oneof(fc.constantFrom('', '/', 'a', 'a/b', 'undefined'), fc.string({ maxLength: 8 }));
const limit: fc.Arbitrary<LimitName> = fc.oneof(
  fc.record({ tenant: name }),
  fc.record({ tenant: name, queue: name }),
  fc.record({ tenant: name, queue: name, key }),
);

it('are different for different limits: of a tenant, a queue and a key', () => {
  fc.assert(
    fc.property(limit, limit, (one, other) => {
      const isSame = one.tenant === other.tenant && one.queue === other.queue && one.key === other.key;
      expect(limitText(one) === limitText(other)).toBe(isSame);
    }),
    { numRuns: 2_000 },
  );
});

it('have each their home among the shards', () => {
  fc.assert(
    fc.property(limit, fc.integer({ min: 1, max: 64 }), (one, shards) => {
      const home = homeOfLimit(one, shards);
      expect(home).toBeGreaterThanOrEqual(0);
      expect(home).toBeLessThan(shards);
    }),
  );
});
