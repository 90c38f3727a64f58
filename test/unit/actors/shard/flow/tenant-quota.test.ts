/** The quota of running jobs of a tenant in a shard: all of its queues draw on it, in turns, and no more run than it allows. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../../../src/application/ports/shard-protocol.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { homeOfLimit } from '../../../../../src/application/queues/limit-home.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const tenant = 'default';
let shard: ShardHarness;
let epoch: number;

async function begin(): Promise<void> {
  epoch += 1;
  await shard.start();
  await shard.kit.advance(100);
}

beforeEach(async () => {
  shard = await createShardHarness();
  epoch = 0;
});
afterEach(() => shard.close());

async function submit(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const all = Array.from({ length: count }, () => shard.send('submit', { spec: testSpec(overrides) }));
  return (await shard.kit.outcome(Promise.all(all), 1_000)).map(({ record }) => record.id);
}

const claim = (jobId: JobId): Promise<ClaimResult> =>
  shard.call('claim', { jobId, node: 'n1', epoch, ackTo: `ack-${jobId}` });

interface Run {
  readonly jobId: JobId;
  readonly queue: string;
  readonly token: string;
}

/** Starts what was sent since the last call. */
async function startAll(): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { jobId, queue } of shard.work.splice(0)) {
    const result = await claim(jobId);
    if (result.kind === 'granted') runs.push({ jobId, queue, token: result.token });
  }
  return runs;
}

const end = ({ jobId, token }: Run): Promise<unknown> =>
  shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });

/** Ends the oldest run, again and again, until nothing runs. Returns the queues in the order of the starts. */
async function drain(most: number): Promise<string[]> {
  const running = await startAll();
  const order = running.map(({ queue }) => queue);
  for (let run = running.shift(); run !== undefined; run = running.shift()) {
    expect(running.length).toBeLessThan(most);
    await end(run);
    await shard.kit.advance(300);
    const started = await startAll();
    running.push(...started);
    order.push(...started.map(({ queue }) => queue));
  }
  return order;
}

describe('a tenant with a quota of running jobs', () => {
  it('runs no more, whatever queues they are in, and the queues take turns', async () => {
    shard.limits.set(tenant, { maxRunning: 2 });
    await begin();
    await submit(30, { queue: 'flood' });
    await submit(4, { queue: 'toString' });
    await submit(4, { queue: '__proto__' });
    await shard.kit.advance(500);
    expect(shard.work).toHaveLength(2);
    const order = await drain(2);
    expect(order).toHaveLength(38);
    // Those that came first had a start each. Then each of the others has every third one.
    for (const queue of ['toString', '__proto__']) expect(order.lastIndexOf(queue)).toBeLessThan(17);
  });

  it('says so of the jobs that it holds back', async () => {
    shard.limits.set(tenant, { maxRunning: 1 });
    await begin();
    const [first, second] = await submit(2);
    await shard.kit.advance(500);
    await startAll();
    if (first === undefined || second === undefined) throw new Error('not accepted');
    expect(await shard.call('place', { jobId: second })).toMatchObject({ heldBy: 'tenant' });
  });

  it('keeps the limits of its queues as well', async () => {
    shard.limits.set(tenant, { maxRunning: 5 });
    shard.rules.set('tight', { maxRunning: 1 });
    shard.rules.set('paused', { paused: true });
    await begin();
    const [, held] = await submit(9, { queue: 'tight' });
    await submit(9, { queue: 'paused' });
    await submit(9, { queue: 'free', concurrencyKey: 'one' });
    await shard.kit.advance(2_000);
    await submit(9, { queue: 'open' });
    await shard.kit.advance(2_000);
    const queues = (await startAll()).map(({ queue }) => queue).sort();
    expect(queues).toEqual(['free', 'open', 'open', 'open', 'tight']);
    if (held === undefined) throw new Error('not accepted');
    expect(await shard.call('place', { jobId: held })).toMatchObject({ heldBy: 'running' });
  });

  it('starts every job beside limits of queues and keys whose homes are asked in the same moment', async () => {
    shard.limits.set(tenant, { maxRunning: 2 });
    shard.rules.set('a', { maxRunning: 1 });
    shard.rules.set('b', { maxRunning: 1, rate: { perSecond: 5, burst: 1 } });
    await begin();
    for (let n = 0; n < 6; n += 1) {
      await submit(2, { queue: 'a', concurrencyKey: 'k' });
      await submit(2, { queue: 'b', concurrencyKey: `k${n % 2}` });
      await submit(2, { queue: 'c', concurrencyKey: 'k' });
      await submit(2, { queue: 'd' });
    }
    const running: Run[] = [];
    let ended = 0;
    for (let looks = 0; ended < 48 && looks < 150; looks += 1) {
      await shard.kit.advance(300);
      running.push(...(await startAll()));
      expect(running.length).toBeLessThanOrEqual(2);
      const first = running.shift();
      if (first === undefined) continue;
      await end(first);
      ended += 1;
      if (ended !== 15 && ended !== 30) continue;
      await shard.kit.advance(500);
      shard.work.splice(0);
      await begin();
    }
    expect(ended).toBe(48);
  });

  it('counts what runs after a recovery, before anything starts', async () => {
    shard.limits.set(tenant, { maxRunning: 3 });
    await begin();
    await submit(6, { queue: 'a' });
    await submit(6, { queue: 'b' });
    await shard.kit.advance(500);
    const [first] = await startAll();
    // What is granted is not on record at once.
    await shard.kit.advance(500);
    await begin();
    await shard.kit.advance(2_000);
    expect(shard.work).toEqual([]);
    if (first === undefined) throw new Error('nothing runs');
    await end(first);
    await shard.kit.advance(500);
    expect(shard.work).toHaveLength(1);
  });

  it('starts nothing beyond what a home granted that does not answer any more', async () => {
    shard.limits.set(tenant, { maxRunning: 1 });
    await begin();
    const [first] = await submit(3);
    await shard.kit.advance(500);
    const [run] = await startAll();
    expect(run?.jobId).toBe(first);
    shard.lease = false;
    if (run === undefined) throw new Error('nothing runs');
    await end(run);
    await shard.kit.advance(20_000);
    expect(shard.work).toHaveLength(1);
    shard.lease = true;
  });

  it('starts nothing while its home is of a version that does not know the question', async () => {
    shard.limits.set(tenant, { maxRunning: 5 });
    shard.refusesTenants = true;
    await begin();
    await submit(3);
    await shard.kit.advance(30_000);
    expect(shard.work).toEqual([]);
    shard.refusesTenants = false;
    await shard.kit.advance(1_000);
    expect(shard.work).toHaveLength(3);
  });
});

describe('a quota that comes, changes and goes', () => {
  it('holds back what was sent, stops what is new, and takes nothing away from what runs', async () => {
    await begin();
    await submit(3, { queue: 'a' });
    await submit(3, { queue: 'b' });
    const running = await startAll();
    expect(running).toHaveLength(6);
    const sent = await submit(2, { queue: 'a' });
    shard.setLimit(tenant, { maxRunning: 5 });
    await shard.kit.advance(1_000);
    for (const jobId of sent) expect(await claim(jobId)).toEqual({ kind: 'drop' });
    shard.work.splice(0);
    for (const run of running.splice(0, 2)) await end(run);
    await shard.kit.advance(1_000);
    expect(await startAll()).toHaveLength(1);
    shard.setLimit(tenant, { maxRunning: 6 });
    await shard.kit.advance(1_000);
    expect(await startAll()).toHaveLength(1);
    await submit(4, { queue: 'b' });
    await shard.kit.advance(1_000);
    expect(shard.work).toEqual([]);
    shard.setLimit(tenant, {});
    await shard.kit.advance(1_000);
    expect(shard.work).toHaveLength(4);
  });

  it('is asked for while it is there, and told at its end that nothing is used', async () => {
    await begin();
    await submit(1);
    await shard.kit.advance(2_000);
    expect(shard.askedOfTenants).toEqual([]);
    shard.setLimit(tenant, { maxRunning: 1 });
    await shard.kit.advance(1_000);
    const [run] = await startAll();
    if (run === undefined) throw new Error('nothing runs');
    await shard.kit.advance(1_000);
    expect(shard.askedOfTenants.at(-1)).toMatchObject({ tenant, using: 1, waiting: 0 });
    await end(run);
    await shard.kit.advance(2_000);
    const { length } = shard.askedOfTenants;
    expect(shard.askedOfTenants.at(-1)).toMatchObject({ tenant, using: 0, waiting: 0 });
    await shard.kit.advance(30_000);
    expect(shard.askedOfTenants).toHaveLength(length);
  });
});

describe('a new home', () => {
  const home = homeOfLimit({ tenant }, 4);

  it('hears what the shard uses, unless it is of a version that would take it for a queue', async () => {
    shard.limits.set(tenant, { maxRunning: 2 });
    await begin();
    await submit(5);
    await shard.kit.advance(500);
    await startAll();
    expect(await shard.call('limitUse', { home, epoch: 7, ofTenants: true })).toEqual({
      uses: [{ tenant, using: 2 }],
    });
    expect(await shard.call('limitUse', { home, epoch: 7 })).toEqual({ uses: [] });
    expect(await shard.call('limitUse', { home: (home + 1) % 4, epoch: 7, ofTenants: true })).toEqual({ uses: [] });
  });

  it('ends with that what its predecessor had granted', async () => {
    shard.limits.set(tenant, { maxRunning: 2 });
    await begin();
    await submit(1);
    await shard.kit.advance(500);
    await startAll();
    await shard.call('limitUse', { home, epoch: 7, ofTenants: true });
    // Answers of a home with a lower epoch than 7 count no more.
    await submit(1);
    await shard.kit.advance(5_000);
    expect(shard.work).toEqual([]);
  });
});
