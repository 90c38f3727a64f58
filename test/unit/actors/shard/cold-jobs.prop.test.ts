/**
 * Jobs become cold as early as possible and are loaded again, whatever happens to jobs, the store, rules, clocks and
 * owners: nothing is lost, started twice or started early, counts are exact, and in the end every job ends.
 */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { ShardCore } from '../../../../src/actors/shard/core/shard-core.ts';
import { DispatchWindows } from '../../../../src/actors/shard/services/dispatch-windows.ts';
import { ColdCase } from '../../../support/cold-case.ts';
import { coldStep } from '../../../support/cold-steps.ts';
import { createShardHarness } from '../../../support/shard-harness.ts';

it('no cold job is forgotten, lost or counted wrong', async () => {
  let core: ShardCore | undefined;
  const load = vi.spyOn(ShardCore.prototype, 'load');
  await fc.assert(
    fc.asyncProperty(fc.array(coldStep, { minLength: 5, maxLength: 80 }), async (steps) => {
      const windows = new DispatchWindows({ floor: { most: 4, least: 1 }, outMax: 12, most: 4 });
      const shard = await createShardHarness({ dispatchWindows: windows, backlogMax: 5_000, memoryTightBytes: 0 });
      try {
        await shard.start();
        const one = new ColdCase(shard, windows, () => {
          core = load.mock.contexts.at(-1) as ShardCore | undefined;
          if (core === undefined) throw new Error('no core');
          return core;
        });
        for (const each of steps) {
          await one.step(each);
          await one.check();
          expect(windows.inUse).toBeGreaterThanOrEqual(0);
        }
        await one.allIsWell();
        await one.check();
        expect(await one.unfinished()).toEqual([]);
        expect(one.open.size).toBe(0);
        expect(windows.inUse).toBe(0);
        expect(shard.kit.events.filter(({ type }) => type === 'crashed')).toEqual([]);
        await shard.stop();
        expect(shard.memory.usedBytes).toBe(0);
      } finally {
        load.mockClear();
        await shard.close();
      }
    }),
    { numRuns: 30 },
  );
}, 600_000);
