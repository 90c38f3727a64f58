// A store that takes no writes for a while (a full disk): submits are told so at once, and accepted again once it does.
import { beforeEach, describe, expect, it } from 'vitest';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

describe('a shard whose store takes no writes', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  it('refuses a submit at once, says why, and takes it when the store is back', async () => {
    shard.fates.push(...Array.from({ length: 6 }, () => 'unavailable' as const));
    const first = shard.send('submit', { spec: testSpec() });
    await shard.kit.advance(1_000);
    const askedAtMs = shard.kit.clock.monotonicMs();
    await expect(shard.call('submit', { spec: testSpec() })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryAfterMs: 2_000,
    });
    expect(shard.kit.clock.monotonicMs()).toBe(askedAtMs);
    await shard.kit.advance(10_000);
    expect(await first).toMatchObject({ duplicate: false });
    expect(await shard.call('submit', { spec: testSpec() })).toMatchObject({ duplicate: false });
  });

  it('says nothing of a store that only stumbles', async () => {
    shard.fates.push('unavailable', 'unavailable');
    const first = shard.send('submit', { spec: testSpec() });
    await shard.kit.advance(100);
    const second = shard.send('submit', { spec: testSpec() });
    await shard.kit.advance(1_000);
    expect(await Promise.all([first, second])).toMatchObject([{ duplicate: false }, { duplicate: false }]);
  });
});
