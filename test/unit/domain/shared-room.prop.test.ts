/** Tenants that take and release amounts of any size, in any order: nobody keeps the others out. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SharedRoom } from '../../../src/domain/shared-room.ts';

const max = 100;
const tenants = ['acme', 'toString', '__proto__'];
const steps = fc.array(
  fc.record({
    tenant: fc.constantFrom(...tenants),
    amount: fc.integer({ min: 1, max }),
    act: fc.constantFrom('take', 'take', 'release'),
  }),
  { maxLength: 100 },
);

it('has room for the next, and for each tenant at most nine times what is free, and one', () => {
  fc.assert(
    fc.property(steps, (script) => {
      const room = new SharedRoom(max);
      const had = new Map<string, number>();
      const ownOf = (tenant: string): number => had.get(tenant) ?? 0;
      for (const { tenant, amount, act } of script) {
        if (act === 'release' && ownOf(tenant) >= amount) {
          room.release(tenant, amount);
          had.set(tenant, ownOf(tenant) - amount);
        } else if (act === 'take' && room.lacks(tenant, amount) === 0) {
          room.take(tenant, amount);
          had.set(tenant, ownOf(tenant) + amount);
          expect(ownOf(tenant)).toBeLessThanOrEqual(9 * (max - room.used + 1));
        }
        expect(room.used).toBe([...had.values()].reduce((sum, own) => sum + own, 0));
        expect(room.lacks('next', 1)).toBe(0);
      }
    }),
  );
});

it('says how much a tenant that is alone must give back before it may take more', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max }), fc.integer({ min: 1, max: 90 }), (own, amount) => {
      const room = new SharedRoom(max);
      room.take('acme', own);
      const lack = room.lacks('acme', amount);
      fc.pre(lack > 0 && lack <= own);
      room.release('acme', lack - 1);
      expect(room.lacks('acme', amount)).toBe(1);
      room.release('acme', 1);
      expect(room.lacks('acme', amount)).toBe(0);
    }),
  );
});
