/** The quota of unfinished jobs at the gateway: what one lets in is counted at once, what others let in as soon as shards say so. */
import { describe, expect, it } from 'vitest';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { QuotaUse } from '../../../../src/application/tenants/quota-alarms.ts';
import { createTenantStatsReader } from '../../../../src/application/tenants/tenant-stats.ts';
import { createUnfinishedRoom, type UnfinishedPlace } from '../../../../src/application/tenants/unfinished-room.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { createManualClock } from '../manual-clock.ts';

/** Several gateways before one shard. */
function setUp(unfinishedJobs: number | undefined, gateways = 1) {
  const clock = createManualClock();
  const shard = { unfinished: 0, asked: 0 };
  const told: (readonly [string, QuotaUse])[] = [];
  const call = async (): Promise<unknown> => {
    shard.asked += 1;
    const { unfinished } = shard;
    await Promise.resolve();
    return { running: 0, unfinished };
  };
  const quotas = unfinishedJobs === undefined ? {} : { unfinishedJobs };
  const rooms = Array.from({ length: gateways }, () =>
    createUnfinishedRoom({
      known: { lastSeen: () => ({ quotas }) as Tenant },
      stats: createTenantStatsReader({ batcher: { call: call as ShardBatcher['call'] }, shardCount: 1, clock }),
      alarms: {
        admitted: (use) => void told.push(['admitted', use]),
        refused: (use) => void told.push(['refused', use]),
      },
      clock,
      random: () => 0,
    }),
  );
  const enter = (gateway = 0): UnfinishedPlace | Promise<UnfinishedPlace> => {
    const room = rooms[gateway];
    if (room === undefined) throw new Error('no such gateway');
    return room.enter('acme');
  };
  return { clock, shard, told, enter };
}

describe('the room of a tenant for jobs', () => {
  it('is there at once, and nobody is asked, without a quota', () => {
    const { enter, shard } = setUp(undefined);
    const place = enter();
    expect(place).not.toBeInstanceOf(Promise);
    expect(place).toBe(enter());
    expect(shard.asked).toBe(0);
  });

  it('of one gateway is exact among submits at once', async () => {
    const { enter } = setUp(10);
    const places = await Promise.all(Array.from({ length: 50 }, async () => enter()));
    expect(places.filter(({ refuse }) => refuse === undefined)).toHaveLength(10);
  });

  it('is refused with the quota, its limit and the use, and the refusal is told', async () => {
    const { enter, shard, told } = setUp(5);
    shard.unfinished = 7;
    const { refuse } = await enter();
    expect(told).toEqual([]);
    expect(refuse?.()).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      message: 'tenant acme has 7 jobs that have not ended; its quota is 5',
      metadata: { quota: 'unfinishedJobs', limit: '5', used: '7' },
      retryAfterMs: 5_000,
    });
    expect(told).toEqual([['refused', { tenant: 'acme', quota: 'unfinishedJobs', used: 7, limit: 5 }]]);
  });

  it('comes back when jobs end, and when a submit made none', async () => {
    const { enter, shard, clock } = setUp(2);
    const places = [await enter(), await enter()];
    expect((await enter()).refuse).toBeDefined();
    // One was accepted, and one was not.
    shard.unfinished = 1;
    for (const { leave } of places) leave();
    clock.advance(2_000);
    const next = await enter();
    expect(next.refuse).toBeUndefined();
    shard.unfinished = 2;
    next.leave();
    clock.advance(2_000);
    expect((await enter()).refuse).toBeDefined();
    shard.unfinished = 0;
    clock.advance(200);
    expect((await enter()).refuse).toBeUndefined();
  });

  it('is exceeded by no more than what other gateways saw as free, and by nothing once the shards have said so', async () => {
    const { enter, shard, clock } = setUp(4, 3);
    const places = await Promise.all(Array.from({ length: 30 }, async (_, n) => enter(n % 3)));
    const letIn = places.filter(({ refuse }) => refuse === undefined);
    expect(letIn.length).toBeGreaterThanOrEqual(4);
    expect(letIn.length).toBeLessThanOrEqual(3 * 4);
    shard.unfinished = letIn.length;
    for (const { leave } of letIn) leave();
    clock.advance(2_000);
    for (let gateway = 0; gateway < 3; gateway += 1) expect((await enter(gateway)).refuse).toBeDefined();
  });
});
