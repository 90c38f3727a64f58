// What a shard tells of its queues, in virtual time on a real embedded store.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import { quantileMs } from '../../../../../src/domain/duration-histogram.ts';
import type { TroupeError } from '../../../../../src/domain/errors.ts';
import { noStats } from '../../../../../src/domain/queue-stats.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { harnessTenantMax, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

const spec = (): SubmitItem => ({ spec: testSpec() });
const asked = { tenant: 'default', queue: 'default' };

describe('a shard about its queues', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  async function submit(overrides: Partial<JobSpec> = {}): Promise<JobId> {
    return (await shard.call('submit', { spec: testSpec(overrides) })).record.id;
  }

  it('knows nothing of a queue without jobs', async () => {
    expect(await shard.call('queueStats', asked)).toEqual(noStats);
  });

  it('tells how many wait, by priority, how long, how fast they come and go', async () => {
    const beganMs = shard.kit.clock.nowMs();
    const first = await submit();
    await submit({ priority: 4 });
    await submit({ runAtMs: beganMs + 60_000 });
    await submit({ queue: 'other' });
    await shard.kit.advance(2_000);
    const grant = await shard.call('claim', { jobId: first, node: 'n1', epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    const claimed = await shard.call('queueStats', asked);
    expect(claimed).toMatchObject({ waiting: [0, 0, 0, 0, 1], later: 1, running: 1, openBytes: 4 });
    expect(claimed.oldestReadyAtMs).toBeGreaterThanOrEqual(beganMs);
    expect(claimed.arrivalsPerSecond).toBeGreaterThan(0.5);
    expect(quantileMs(claimed.waits, 0.5)).toBeGreaterThan(1_600);
    await shard.call('report', { jobId: first, token: grant.token, outcome: { kind: 'succeeded' } });
    const ended = await shard.call('queueStats', asked);
    expect(ended).toMatchObject({ waiting: [0, 0, 0, 0, 1], later: 1, running: 0 });
    expect(ended.endsPerSecond).toBeGreaterThan(0.5);
    expect(ended.runs.length).toBeGreaterThan(0);
  });

  it('counts the same after a recovery, and measures anew', async () => {
    await submit();
    await submit({ priority: 0 });
    await submit({ runAtMs: shard.kit.clock.nowMs() + 60_000 });
    const before = await shard.call('queueStats', asked);
    await shard.start();
    const { waiting, later, openBytes, oldestReadyAtMs } = before;
    expect(await shard.call('queueStats', asked)).toEqual({ ...noStats, waiting, later, openBytes, oldestReadyAtMs });
  });

  it('tells the place of a job that waits, in its priority', async () => {
    const [first, high, second] = [await submit(), await submit({ priority: 4 }), await submit()];
    expect(await shard.call('place', { jobId: first })).toEqual({ before: 0, waiting: 2 });
    expect(await shard.call('place', { jobId: second })).toEqual({ before: 1, waiting: 2 });
    expect(await shard.call('place', { jobId: high })).toEqual({ before: 0, waiting: 1 });
    await shard.call('claim', { jobId: first, node: 'n1', epoch: 1 });
    expect(await shard.call('place', { jobId: first })).toEqual({});
    expect(await shard.call('place', { jobId: second })).toEqual({ before: 0, waiting: 1 });
    const later = await submit({ runAtMs: shard.kit.clock.nowMs() + 60_000 });
    expect(await shard.call('place', { jobId: later })).toEqual({});
  });

  it('cancels what waits and leaves alone what runs, if that is the wish', async () => {
    const [waits, runs] = [await submit(), await submit()];
    await shard.call('claim', { jobId: runs, node: 'n1', epoch: 1 });
    const cancelled = await shard.call('cancel', { jobId: waits, reason: '', unlessRunning: true });
    expect(cancelled.record.state).toBe('CANCELLED');
    await expect(shard.call('cancel', { jobId: runs, reason: '', unlessRunning: true })).rejects.toMatchObject({
      code: 'JOB_STATE_FORBIDS',
      metadata: { state: 'RUNNING' },
    });
    expect((await shard.call('get', { jobId: runs })).record.state).toBe('RUNNING');
  });

  it('that is full asks callers back when jobs should have ended, each at another time', async () => {
    const fill = Array.from({ length: harnessTenantMax }, () => shard.send('submit', spec()));
    const jobs = await shard.kit.outcome(Promise.all(fill));
    for (const { record } of jobs.slice(0, 20)) await shard.call('cancel', { jobId: record.id, reason: '' });
    for (let free = 0; free < 20; free += 1) await shard.call('submit', spec());
    const more = Array.from({ length: 10 }, () => shard.send('submit', spec()));
    const refused = await shard.kit.outcome(Promise.allSettled(more));
    const waits = refused.map((outcome) =>
      outcome.status === 'rejected' ? (outcome.reason as TroupeError) : undefined,
    );
    for (const error of waits) expect(error?.code).toBe('BACKLOG_FULL');
    const times = waits.map((error) => error?.retryAfterMs ?? 0);
    // Twenty have just ended, and three must.
    for (const time of times) expect(time).toBeGreaterThanOrEqual(100);
    for (const time of times) expect(time).toBeLessThan(5_000);
    expect(new Set(times).size).toBeGreaterThan(1);
  });

  it('that is full of one tenant takes the jobs of others, and those that they send after each other', async () => {
    const flood = Array.from({ length: harnessTenantMax + 5 }, () => shard.send('submit', spec()));
    const refused = (await shard.kit.outcome(Promise.allSettled(flood))).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const tenant of ['toString', '__proto__', 'acme'])
      for (let n = 0; n < 3; n += 1) await shard.call('submit', { spec: { ...spec().spec, tenant } });
    await expect(shard.call('submit', spec())).rejects.toMatchObject({
      code: 'BACKLOG_FULL',
      message: expect.stringContaining('one tenant') as string,
    });
  });
});
