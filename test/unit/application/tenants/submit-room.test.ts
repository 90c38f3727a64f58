/** The quota of unfinished jobs at the gateway: what one lets in is counted at once, what others let in as soon as shards say so. */
import { describe, expect, it } from 'vitest';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { QuotaUse } from '../../../../src/application/tenants/quota-alarms.ts';
import { createTenantStatsReader } from '../../../../src/application/tenants/tenant-stats.ts';
import { createSubmitRoom, type SubmitPlace } from '../../../../src/application/tenants/submit-room.ts';
import { recordStoredBytes } from '../../../../src/domain/stored-bytes.ts';
import type { Tenant, TenantQuotas } from '../../../../src/domain/tenant.ts';
import { createManualClock } from '../manual-clock.ts';

/** Several gateways before one shard. */
function setUp(quotas: TenantQuotas, gateways = 1) {
  const clock = createManualClock();
  const shard = { unfinished: 0, storedBytes: 0, asked: 0 };
  const told: (readonly [string, QuotaUse])[] = [];
  const call = async (): Promise<unknown> => {
    shard.asked += 1;
    const { unfinished, storedBytes } = shard;
    await Promise.resolve();
    return { running: 0, unfinished, storedBytes };
  };
  const rooms = Array.from({ length: gateways }, () =>
    createSubmitRoom({
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
  const enter = (gateway = 0, inputBytes = 0): SubmitPlace | Promise<SubmitPlace> => {
    const room = rooms[gateway];
    if (room === undefined) throw new Error('no such gateway');
    return room.enter('acme', inputBytes);
  };
  return { clock, shard, told, enter };
}

describe('the room of a tenant for jobs', () => {
  it('is there at once, and nobody is asked, without a quota', () => {
    const { enter, shard } = setUp({});
    const place = enter();
    expect(place).not.toBeInstanceOf(Promise);
    expect(place).toBe(enter());
    expect(shard.asked).toBe(0);
  });

  it('of one gateway is exact among submits at once', async () => {
    const { enter } = setUp({ unfinishedJobs: 10 });
    const places = await Promise.all(Array.from({ length: 50 }, async () => enter()));
    expect(places.filter(({ refuse }) => refuse === undefined)).toHaveLength(10);
  });

  it('is refused with the quota, its limit and the use, and the refusal is told', async () => {
    const { enter, shard, told } = setUp({ unfinishedJobs: 5 });
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
    const { enter, shard, clock } = setUp({ unfinishedJobs: 2 });
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

  it('has as many bytes as the quota of stored bytes, each job with its input and its record', async () => {
    const { enter, shard, clock, told } = setUp({ storedBytes: 10_000 });
    const inputBytes = 2_000 - recordStoredBytes;
    const places = await Promise.all(Array.from({ length: 9 }, async () => enter(0, inputBytes)));
    const letIn = places.filter(({ refuse }) => refuse === undefined);
    expect(letIn).toHaveLength(5);
    expect(told.at(-1)).toEqual(['admitted', { tenant: 'acme', quota: 'storedBytes', used: 10_000, limit: 10_000 }]);
    expect(places.at(-1)?.refuse?.()).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      message: 'tenant acme keeps 10000 bytes, and the job would add 2000; its quota is 10000',
      metadata: { quota: 'storedBytes', limit: '10000', used: '10000' },
    });
    // The results of accepted jobs go beyond it.
    shard.storedBytes = 30_000;
    for (const { leave } of letIn) leave();
    clock.advance(2_000);
    expect((await enter()).refuse).toBeDefined();
    shard.storedBytes = 9_000 - recordStoredBytes;
    clock.advance(200);
    expect((await enter(0, 1_001)).refuse).toBeDefined();
    expect((await enter(0, 1_000)).refuse).toBeUndefined();
  });

  it('lacks nothing that shards of an earlier version do not tell', async () => {
    const { enter, shard } = setUp({ storedBytes: 10_000 });
    Object.assign(shard, { storedBytes: undefined });
    expect((await enter(0, 5_000)).refuse).toBeUndefined();
    expect((await enter(0, 5_000)).refuse).toBeDefined();
  });

  it('is that of the quota which is full, of both', async () => {
    const { enter, shard } = setUp({ unfinishedJobs: 3, storedBytes: 1_000_000 });
    shard.unfinished = 3;
    expect((await enter()).refuse?.()).toMatchObject({ metadata: { quota: 'unfinishedJobs' } });
    const other = setUp({ unfinishedJobs: 3, storedBytes: 1_000_000 });
    other.shard.storedBytes = 1_000_000;
    expect((await other.enter()).refuse?.()).toMatchObject({ metadata: { quota: 'storedBytes' } });
  });

  it('is exceeded by no more than what other gateways saw as free, and by nothing once the shards have said so', async () => {
    const { enter, shard, clock } = setUp({ unfinishedJobs: 4 }, 3);
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
