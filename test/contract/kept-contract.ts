/** What ended jobs keep: the sums of the present owner of a shard are found by its successors. */
import { describe, expect, it } from 'vitest';
import { type KeptSlots, keptSlotsMax } from '../../src/domain/kept-bytes.ts';
import { freshShard, type StoreUnderTest } from '../support/stores.ts';

/** Long enough that a slow machine has read what is there, before it goes. */
const shortMs = 5_000;
const patience = { timeout: 15_000, interval: 100 };
const later = (more = 0): number => Date.now() + 3_600_000 + more;

export function describeKept(use: () => StoreUnderTest): void {
  describe('what ended jobs keep', () => {
    it('is found by every process, for its shard and tenant, as it was saved last', async () => {
      const { first, second } = use();
      const of = { shard: freshShard(), tenant: 'acme' };
      const { epoch } = await first.jobs.takeShard(of.shard, 'test-node');
      expect(await second.jobs.findKept(of)).toEqual([]);
      const slots: KeptSlots = [
        [later(), 10],
        [later(1), 2 ** 50],
      ];
      await first.jobs.saveKept(of, epoch, slots);
      expect(await second.jobs.findKept(of)).toEqual(slots);
      expect(await second.jobs.findKept({ ...of, tenant: 'Acme' })).toEqual([]);
      expect(await second.jobs.findKept({ ...of, shard: freshShard() })).toEqual([]);
      await first.jobs.saveKept(of, epoch, slots.slice(1));
      expect(await second.jobs.findKept(of)).toEqual(slots.slice(1));
      await first.jobs.saveKept(of, epoch, []);
      expect(await second.jobs.findKept(of)).toEqual([]);
    });

    it('is what the latest owner saved, however late a deposed one comes', async () => {
      const { first, second } = use();
      const of = { shard: freshShard(), tenant: 'acme' };
      const old = await first.jobs.takeShard(of.shard, 'one');
      await first.jobs.saveKept(of, old.epoch, [[later(), 1]]);
      const present = await second.jobs.takeShard(of.shard, 'other');
      const slots: KeptSlots = [[later(), 2]];
      await second.jobs.saveKept(of, present.epoch, slots);
      await first.jobs.saveKept(of, old.epoch, [[later(), 3]]);
      expect(await second.jobs.findKept(of)).toEqual(slots);
    });

    it('goes when it is no longer kept, and the rest stays', async () => {
      const { first, second } = use();
      const [brief, lasting] = ['brief', 'lasting'].map((tenant) => ({ shard: freshShard(), tenant }));
      if (brief === undefined || lasting === undefined) throw new Error('no tenants');
      const owners = await Promise.all([brief, lasting].map(({ shard }) => first.jobs.takeShard(shard, 'test-node')));
      const soonMs = Date.now() + shortMs;
      const lastMs = later();
      await first.jobs.saveKept(brief, owners[0]?.epoch ?? 0, [[soonMs, 1]]);
      await first.jobs.saveKept(lasting, owners[1]?.epoch ?? 0, [
        [soonMs, 1],
        [lastMs, 2],
      ]);
      expect(await second.jobs.findKept(brief)).toHaveLength(1);
      expect(await second.jobs.findKept(lasting)).toHaveLength(2);
      await expect.poll(() => second.jobs.findKept(brief), patience).toEqual([]);
      await expect.poll(() => second.jobs.findKept(lasting), patience).toEqual([[lastMs, 2]]);
      expect(Date.now()).toBeGreaterThanOrEqual(soonMs);
    });

    it('may have as many instants as the bound, and no more', async () => {
      const { first, second } = use();
      const of = { shard: freshShard(), tenant: 'acme' };
      const { epoch } = await first.jobs.takeShard(of.shard, 'test-node');
      const slots = Array.from({ length: keptSlotsMax }, (_, n) => [later(n * 86_400_000), 2 ** 50] as const);
      await first.jobs.saveKept(of, epoch, slots);
      expect(await second.jobs.findKept(of)).toEqual(slots);
      const tooMany = [...slots, [later(1e12), 1] as const];
      await expect((async () => first.jobs.saveKept(of, epoch, tooMany))()).rejects.toThrow('keptSlotsMax');
    });
  });
}
