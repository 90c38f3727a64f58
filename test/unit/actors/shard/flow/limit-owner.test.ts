/** A shard speaks of what it uses of a limit only while it is sure to be the owner: a former one would give away what is used. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { homeOfLimit } from '../../../../../src/application/queues/limit-home.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

let shard: ShardHarness;
const limit = { tenant: 'default', queue: 'default' };
const limitUse = { home: homeOfLimit(limit, 4), epoch: 1 };

beforeEach(async () => {
  shard = await createShardHarness();
  shard.rules.set('default', { maxRunning: 1 });
  await shard.start();
  await shard.call('submit', { spec: testSpec() });
  await shard.kit.advance(1_000);
});
afterEach(async () => {
  await shard.close();
});

it('answers a new home while its lease is sure, and else refuses', async () => {
  expect(await shard.call('limitUse', limitUse)).toEqual({ uses: [{ ...limit, using: 1 }] });
  shard.lease = false;
  await expect(shard.call('limitUse', limitUse)).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
});

it('tells a new home what it uses, and no row for each key of a job that only waits', async () => {
  shard.rules.set('default', {});
  await shard.start();
  for (let key = 0; key < 200; key += 1) {
    await shard.call('submit', { spec: testSpec({ concurrencyKey: `key-${key}` }) });
  }
  await shard.kit.advance(2_000);
  const homes = Array.from({ length: 4 }, (_, home) => shard.call('limitUse', { home, epoch: 2 }));
  const uses = (await Promise.all(homes)).flatMap((answer) => answer.uses);
  expect(uses.length).toBeGreaterThan(0);
  expect(uses.filter(({ using }) => using === 0)).toEqual([]);
});

it('asks in order, and nothing while its lease is not sure', async () => {
  const { length } = shard.asked;
  expect(length).toBeGreaterThan(0);
  expect(shard.asked.map(({ order }) => order)).toEqual(
    shard.asked.map((_ask, index) => ({ epoch: 1, number: index + 1 })),
  );
  shard.lease = false;
  await shard.call('submit', { spec: testSpec() });
  await shard.kit.advance(20_000);
  expect(shard.asked).toHaveLength(length);
  shard.lease = true;
  await shard.kit.advance(1_000);
  expect(shard.asked.at(-1)).toMatchObject({ ...limit, using: 1, waiting: 1 });
});

it('asks a home that does not know all shards less and less often, and has its answer within a second once it does', async () => {
  shard.silentShards.add(1);
  await shard.start();
  const { length } = shard.asked;
  await shard.kit.advance(25_000);
  expect(shard.asked.length - length).toBeLessThanOrEqual(35);
  expect(shard.work).toHaveLength(1);
  shard.silentShards.clear();
  // The home hears the silent one within a second.
  await shard.kit.advance(2_500);
  expect(shard.work.length).toBeGreaterThan(1);
});
