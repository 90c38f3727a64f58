/** What the jobs of a tenant keep, as its shard counts it: exactly while they have not ended, and by sums afterwards. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveEveryMs } from '../../../../src/actors/shard/commit/kept-by-tenant.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { recordStoredBytes } from '../../../../src/domain/stored-bytes.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createShardHarness, harnessShard, type ShardHarness } from '../../../support/shard-harness.ts';

const tenant = 'default';
const hourMs = 3_600_000;
const input = { kind: 'ref', id: 'in', bytes: 5_000, encoding: 'bytes' } as const;
const output = { kind: 'ref', id: 'out', bytes: 700_000, encoding: 'json' } as const;
const waiting = recordStoredBytes + input.bytes;
const done = waiting + output.bytes;

let shard: ShardHarness;
beforeEach(async () => {
  shard = await createShardHarness();
  shard.countedTenants.add(tenant);
  await shard.start();
});
afterEach(() => shard.close());

const stored = async (of = tenant): Promise<number | undefined> =>
  (await shard.call('tenantStats', { tenant: of })).storedBytes;

async function submitted(more: Partial<JobSpec> = {}): Promise<JobId> {
  const spec = testSpec({ input, retentionMs: 24 * hourMs, ...more });
  return (await shard.call('submit', { spec })).record.id;
}

async function claimed(jobId: JobId): Promise<string> {
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
  if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
  return grant.token;
}

async function ended(more: Partial<JobSpec> = {}): Promise<JobId> {
  const jobId = await submitted(more);
  await shard.call('report', { jobId, token: await claimed(jobId), outcome: { kind: 'succeeded', output } });
  return jobId;
}

/** Until the sums of the shard are in the store. */
const saved = (): Promise<void> => shard.kit.advance(saveEveryMs + 2_000);

describe('a job that has not ended', () => {
  it('counts with its record and its input, and with its checkpoint once there is one', async () => {
    expect(await stored()).toBe(0);
    const jobId = await submitted();
    expect(await stored()).toBe(waiting);
    const token = await claimed(jobId);
    expect(await stored()).toBe(waiting);
    const checkpoint = { kind: 'ref', id: 'c', bytes: 3_000, encoding: 'bytes' } as const;
    await shard.call('checkpoint', { jobId, token, number: 1, bytes: 3_000, payload: checkpoint });
    expect(await stored()).toBe(waiting + 3_000);
    expect(await stored('other')).toBe(0);
  });

  it('counts the same for the next owner, whether its record is in memory or not', async () => {
    await submitted();
    const running = await submitted();
    await claimed(running);
    await submitted({ tenant: 'uncounted' });
    for (const isTight of [false, true, false]) {
      shard.memory.tight = isTight;
      await shard.start();
      expect(await stored()).toBe(2 * waiting);
      expect(await stored('uncounted')).toBe(waiting);
    }
  });

  it('counts once, however often its record leaves the memory and is read again', async () => {
    shard.memory.tight = true;
    const jobId = await submitted({ runAtMs: shard.kit.clock.nowMs() + hourMs });
    await shard.kit.advance(5_000);
    expect(await stored()).toBe(waiting);
    await shard.call('reschedule', { jobId, runAtMs: shard.kit.clock.nowMs() + 2 * hourMs });
    await shard.kit.advance(5_000);
    expect(await stored()).toBe(waiting);
    await shard.call('cancel', { jobId, reason: '' });
    expect(await stored()).toBe(waiting);
  });
});

describe('an ended job of a tenant with the quota', () => {
  it('counts with all that it has until its retention is over', async () => {
    await ended();
    expect(await stored()).toBe(done);
    await shard.kit.advance(23 * hourMs);
    expect(await stored()).toBe(done);
    await shard.kit.advance(3 * hourMs);
    expect(await stored()).toBe(0);
  });

  it('counts without its payloads once these have their own retention behind them', async () => {
    await ended({ payloadRetentionMs: hourMs });
    await shard.kit.advance(hourMs + hourMs / 16 + 60_000);
    expect(await stored()).toBe(recordStoredBytes);
  });

  it('counts without its payloads once they are erased, however often that is asked for', async () => {
    const jobId = await ended();
    await ended();
    await Promise.all([1, 2, 3].map(() => shard.call('erase', { jobId })));
    await shard.call('erase', { jobId });
    expect(await stored()).toBe(done + recordStoredBytes);
  });

  it('is known to the next owner 10 s after its end', async () => {
    await ended();
    await saved();
    await ended();
    await shard.start();
    // The second one ended less than 10 s before the crash. Nothing else is lost by it.
    expect(await stored()).toBe(done);
    await ended();
    await saved();
    await shard.start();
    expect(await stored()).toBe(2 * done);
  });

  it('is known to the next owner at once after a hand-over', async () => {
    await ended();
    const ref = await shard.start();
    await ended();
    await ended();
    let isOver = false;
    ref.tell({ kind: 'hand-over', done: () => (isOver = true) });
    await shard.kit.advance(3_000);
    expect(isOver).toBe(true);
    await shard.start();
    expect(await stored()).toBe(2 * done);
  });

  it('is known to the next owner also if it ends while the shard is handed over, which is over at once', async () => {
    const ref = await shard.start();
    await ended();
    const jobId = await submitted();
    const token = await claimed(jobId);
    await shard.kit.advance(1_000);
    void shard.call('report', { jobId, token, outcome: { kind: 'succeeded', output } });
    let isOver = false;
    ref.tell({ kind: 'hand-over', done: () => (isOver = true) });
    await shard.kit.advance(900);
    expect(isOver).toBe(true);
    await shard.start();
    expect(await stored()).toBe(2 * done);
  });

  it('is known to the next owner also if the first save of a hand-over fails', async () => {
    const ref = await shard.start();
    await ended();
    shard.kept = 'down';
    let isOver = false;
    ref.tell({ kind: 'hand-over', done: () => (isOver = true) });
    await shard.kit.advance(500);
    expect(isOver).toBe(false);
    shard.kept = 'up';
    await shard.kit.advance(2_000);
    expect(isOver).toBe(true);
    await shard.start();
    expect(await stored()).toBe(done);
  });

  it('counts without its payloads also if their erasure is the first that the next owner hears of the tenant', async () => {
    const jobId = await ended();
    await saved();
    await shard.start();
    await shard.call('erase', { jobId });
    expect(await stored()).toBe(recordStoredBytes);
    await saved();
    await shard.start();
    expect(await stored()).toBe(recordStoredBytes);
  });

  it('is not counted without the quota, and no sum is written', async () => {
    shard.countedTenants.clear();
    await ended();
    await saved();
    expect(await stored()).toBe(0);
    expect(await shard.store.jobs.findKept({ shard: harnessShard, tenant })).toEqual([]);
    shard.countedTenants.add(tenant);
    expect(await stored()).toBe(0);
    await ended();
    expect(await stored()).toBe(done);
  });

  it('is counted while the store does not answer, and what former owners have counted is not lost by it', async () => {
    await ended();
    await saved();
    shard.kept = 'down';
    await shard.start();
    await ended();
    expect(await stored()).toBe(done);
    await saved();
    shard.kept = 'up';
    await saved();
    expect(await stored()).toBe(2 * done);
    await saved();
    await shard.start();
    expect(await stored()).toBe(2 * done);
  });

  it('is saved also if the first save fails', async () => {
    await ended();
    await shard.kit.advance(1_000);
    shard.kept = 'down';
    await saved();
    shard.kept = 'up';
    await saved();
    await shard.start();
    expect(await stored()).toBe(done);
  });
});

it('a shard saves the sums of many tenants in turn, two at each tick', async () => {
  const tenants = Array.from({ length: 60 }, (_, n) => `t${n}`);
  for (const one of tenants) shard.countedTenants.add(one);
  for (let round = 0; round < 2; round += 1) {
    for (const one of tenants) await ended({ tenant: one });
    await shard.kit.advance(saveEveryMs + 32_000);
    const sums = await Promise.all(
      tenants.map((one) => shard.store.jobs.findKept({ shard: harnessShard, tenant: one })),
    );
    expect(sums.map((slots) => slots.reduce((sum, [, bytes]) => sum + bytes, 0))).toEqual(
      tenants.map(() => (round + 1) * done),
    );
  }
});
