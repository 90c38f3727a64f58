/** A tenant without room: its shard answers repeats as always, and accepts nothing new. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { UniqueConflict } from '../../../../../src/domain/job.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

let shard: ShardHarness;
beforeEach(async () => {
  shard = await createShardHarness();
  await shard.start();
});
afterEach(() => shard.close());

const noneNew = true;
const full = { code: 'QUOTA_EXCEEDED', metadata: { quota: 'unfinishedJobs' } };
const keyed = (keyHash: string, contentHash = 'same') => ({ spec: testSpec(), keyHash, contentHash });
const unique = (onConflict: UniqueConflict) => ({ spec: testSpec({ unique: { key: 'u', onConflict } }) });

it('refuses what is new, and answers the repeat of a key with its job, also after a recovery', async () => {
  const { record } = await shard.call('submit', keyed('known'));
  await expect(shard.call('submit', { spec: testSpec(), noneNew })).rejects.toMatchObject(full);
  await expect(shard.call('submit', { ...keyed('new'), noneNew })).rejects.toMatchObject(full);
  for (let life = 0; life < 2; life += 1) {
    expect(await shard.call('submit', { ...keyed('known'), noneNew })).toMatchObject({
      duplicate: true,
      record: { id: record.id },
    });
    await expect(shard.call('submit', { ...keyed('known', 'other'), noneNew })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    await shard.start();
  }
  expect(await shard.call('tenantStats', { tenant: 'default' })).toMatchObject({ running: 0, unfinished: 1 });
});

it('accepts the key that it refused once there is room', async () => {
  await expect(shard.call('submit', { ...keyed('new'), noneNew })).rejects.toMatchObject(full);
  expect(await shard.call('submit', keyed('new'))).toMatchObject({ duplicate: false });
});

it('replaces no job by one that it does not accept', async () => {
  const { record } = await shard.call('submit', unique('replace'));
  await expect(shard.call('submit', { ...unique('replace'), noneNew })).rejects.toMatchObject(full);
  expect((await shard.call('get', { jobId: record.id })).record.state).toBe('QUEUED');
});

it('counts the jobs of a tenant that have not ended, whatever becomes of them', async () => {
  const ids = [];
  for (let n = 0; n < 3; n += 1) ids.push((await shard.call('submit', { spec: testSpec() })).record.id);
  await shard.call('submit', { spec: testSpec({ tenant: '__proto__' }) });
  const [first, second] = ids;
  if (first === undefined || second === undefined) throw new Error('not accepted');
  const claimed = await shard.call('claim', { jobId: first, node: 'n1', epoch: 1, ackTo: 'a' });
  await shard.call('cancel', { jobId: second, reason: 'no' });
  expect(await shard.call('tenantStats', { tenant: 'default' })).toMatchObject({ running: 1, unfinished: 2 });
  if (claimed.kind !== 'granted') throw new Error(claimed.kind);
  await shard.call('report', { jobId: first, token: claimed.token, outcome: { kind: 'succeeded' } });
  expect(await shard.call('tenantStats', { tenant: 'default' })).toMatchObject({ running: 0, unfinished: 1 });
  expect(await shard.call('tenantStats', { tenant: '__proto__' })).toMatchObject({ running: 0, unfinished: 1 });
  expect(await shard.call('tenantStats', { tenant: 'toString' })).toMatchObject({ running: 0, unfinished: 0 });
});
