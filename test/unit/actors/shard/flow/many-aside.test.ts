/** Very many jobs that stood aside, because no node had their handler, when one comes. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PlacedJobs } from '../../../../../src/actors/shard/flow/placed-jobs.ts';
import { ShardKeys } from '../../../../../src/actors/shard/keys/shard-keys.ts';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const handler = 'no.node';

let shard: ShardHarness;
beforeEach(async () => {
  const windows = new DispatchWindows({ floor: { most: 8, least: 8 }, outMax: 1_000, most: 8 });
  shard = await createShardHarness({ backlogMax: 20_000, dispatchWindows: windows, memoryTightBytes: 0 });
  await shard.start();
  shard.missing.add(handler);
});
afterEach(() => shard.close());

async function submit(count: number): Promise<JobId[]> {
  const ids: JobId[] = [];
  for (let left = count; left > 0; left -= 250) {
    const items = Array.from({ length: Math.min(left, 250) }, () => ({ spec: testSpec({ handler }) }));
    const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
    ids.push(...results.map(({ record }) => record.id));
  }
  return ids;
}

/** Runs what has a message, until the given number of jobs has run. */
async function run(count: number): Promise<JobId[]> {
  const order: JobId[] = [];
  for (let idle = 0; order.length < count && idle < 50; idle += 1) {
    for (let message = shard.work.shift(); message !== undefined; message = shard.work.shift()) {
      const { jobId, epoch, again = 0 } = message;
      const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
      if (claimed.kind !== 'granted') continue;
      await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
      order.push(jobId);
      idle = 0;
    }
    await shard.kit.advance(100);
  }
  return order.slice(0, count);
}

it.each([false, true])('come back some in each message, before any has its turn (cold: %s)', async (isTight) => {
  shard.memory.tight = isTight;
  const aside = await submit(2_500);
  await shard.kit.advance(isTight ? 8_000 : 1_000);
  // One message is out, to find out whether some node has the handler after all.
  const sent = shard.work.length;
  const perMessage: number[] = [];
  let taken = 0;
  let sentMeanwhile = 0;
  const send = vi.spyOn(ShardKeys.prototype, 'send').mockImplementation(() => {
    perMessage.push(taken);
    taken = 0;
  });
  const original = PlacedJobs.prototype.takeFirst;
  const take = vi.spyOn(PlacedJobs.prototype, 'takeFirst').mockImplementation(function (this: PlacedJobs) {
    taken += 1;
    sentMeanwhile = Math.max(sentMeanwhile, shard.work.length);
    return original.call(this);
  });
  shard.missing.clear();
  await shard.kit.advance(1_200);
  take.mockRestore();
  send.mockRestore();
  expect(perMessage.reduce((sum, one) => sum + one, 0)).toBeGreaterThanOrEqual(aside.length);
  expect(Math.max(...perMessage)).toBeLessThan(2_100);
  expect(sentMeanwhile).toBe(sent);
  expect(await run(30)).toEqual(aside.slice(0, 30));
});

it('may be cancelled, and their queue paused, while they come back', async () => {
  shard.memory.tight = false;
  const aside = await submit(2_500);
  shard.missing.clear();
  shard.setRule('default', { paused: true });
  await shard.kit.advance(1_200);
  for (const jobId of aside.slice(0, 10)) await shard.call('cancel', { jobId, reason: '' });
  await shard.kit.advance(2_000);
  shard.setRule('default', {});
  expect(await run(20)).toEqual(aside.slice(10, 30));
});
