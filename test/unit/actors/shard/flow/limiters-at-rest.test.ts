/** What a tick costs for queues in which nothing happens. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { QueueLimiter } from '../../../../../src/actors/shard/flow/queue-limiter.ts';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const queues = Array.from({ length: 32 }, (_, n) => `paused-${n}`);

let shard: ShardHarness;
beforeEach(async () => {
  const windows = new DispatchWindows({ floor: { most: 4, least: 4 }, outMax: 1_000, most: 4 });
  shard = await createShardHarness({ backlogMax: 10_000, dispatchWindows: windows, memoryTightBytes: 0 });
  shard.memory.tight = false;
  for (const queue of queues) shard.setRule(queue, { paused: true });
  await shard.start();
  for (const queue of queues) {
    const items = Array.from({ length: 30 }, () => ({ spec: testSpec({ queue }) }));
    await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
  }
  await shard.kit.advance(3_000);
});
afterEach(() => shard.close());

async function looks(forMs: number): Promise<number> {
  const tick = vi.spyOn(QueueLimiter.prototype, 'tick');
  await shard.kit.advance(forMs);
  const { length } = tick.mock.calls;
  tick.mockRestore();
  return length;
}

it('a paused queue has a look now and then', async () => {
  const count = await looks(18_000);
  expect(count).toBeGreaterThanOrEqual(queues.length);
  expect(count).toBeLessThan(2 * queues.length);
});

it('it has one within a second when nodes come or go', async () => {
  shard.missing.add('test.echo');
  expect(await looks(1_000)).toBeGreaterThanOrEqual(queues.length);
});

it('its jobs become cold within seconds when memory is tight, and then it is at rest again', async () => {
  shard.memory.tight = true;
  const usedBytes = shard.memory.usedBytes;
  await shard.kit.advance(5_000);
  expect(shard.memory.usedBytes).toBeLessThan(0.75 * usedBytes);
  expect(await looks(4_000)).toBeLessThan(queues.length);
});

it('its jobs go as soon as it is resumed', async () => {
  shard.work.length = 0;
  shard.setRule('paused-7', {});
  await shard.kit.advance(100);
  expect(shard.work.map(({ queue }) => queue)).toEqual(Array.from({ length: 4 }, () => 'paused-7'));
  // One of its messages is out, so it has a look at each tick.
  expect(await looks(8_000)).toBeGreaterThanOrEqual(8 + queues.length / 2 - 1);
});
