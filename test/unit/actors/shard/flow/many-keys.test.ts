/** A backlog of jobs with concurrency keys asks no home before its turn, and no turn holds the shard up. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const window = 8;
const together = 200;

let shard: ShardHarness;

beforeEach(async () => {
  const dispatchWindows = new DispatchWindows({ floor: { most: window, least: window }, outMax: 1_000, most: window });
  shard = await createShardHarness({ backlogMax: 10_000, dispatchWindows });
});
afterEach(() => shard.close());

async function begin(rule: FlowRule): Promise<void> {
  shard.rules.set('default', rule);
  await shard.start();
}

async function submit(count: number, keyOf: (n: number) => string): Promise<JobId[]> {
  const ids: JobId[] = [];
  for (let n = 0; n < count; n += together) {
    const items = Array.from({ length: Math.min(together, count - n) }, (_, k) => ({
      spec: testSpec({ concurrencyKey: keyOf(n + k) }),
    }));
    const results = await shard.kit.outcome(shard.sendAll('submit', items), 10_000);
    ids.push(...results.map(({ record }) => record.id));
  }
  return ids;
}

/** Nodes run all that is sent for so long, each job for 100 ms. Returns the jobs in the order of their starts. */
async function runFor(ms: number): Promise<JobId[]> {
  const order: JobId[] = [];
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    const tokens: { readonly jobId: JobId; readonly token: string }[] = [];
    for (const { jobId, epoch, again = 0 } of shard.work.splice(0)) {
      const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
      if (claimed.kind === 'granted') tokens.push({ jobId, token: claimed.token });
    }
    order.push(...tokens.map(({ jobId }) => jobId));
    await shard.kit.advance(100);
    for (const { jobId, token } of tokens) await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
  }
  return order;
}

describe('a queue with a thousand keys that wait', () => {
  it('asks nobody while it is paused, also for jobs that had their turn before, and runs all when it is resumed', async () => {
    await begin({ maxRunningPerKey: 1 });
    const jobs = await submit(1_000, (n) => `key-${n}`);
    await shard.kit.advance(1_000);
    shard.setRule('default', { paused: true, maxRunningPerKey: 1 });
    shard.work.length = 0;
    await shard.kit.advance(10_000);
    shard.asked.length = 0;
    await shard.kit.advance(60_000);
    // A window of jobs was sent before the pause, and their keys renew what they use.
    expect(new Set(shard.asked.map(({ key }) => key)).size).toBeLessThanOrEqual(window);
    expect(shard.asked.every(({ waiting }) => waiting === 0)).toBe(true);
    await begin({ paused: true, maxRunningPerKey: 1 });
    shard.asked.length = 0;
    await shard.kit.advance(60_000);
    expect(shard.asked).toEqual([]);
    shard.setRule('default', { maxRunningPerKey: 1 });
    expect(new Set(await runFor(60_000))).toEqual(new Set(jobs));
  });

  it('asks for no more keys than jobs may go while its limit is reached', async () => {
    await begin({ maxRunning: 2, maxRunningPerKey: 1 });
    await submit(1_000, (n) => `key-${n}`);
    await shard.kit.advance(60_000);
    expect(new Set(shard.asked.map(({ key }) => key)).size).toBeLessThanOrEqual(1 + 2 * 2);
  });
});

describe('keys whose home does not answer', () => {
  it('hold up no other key for longer than a question may take', async () => {
    await begin({ maxRunningPerKey: 1 });
    const silent = Array.from({ length: window }, (_, n) => `silent-${n}`);
    for (const key of silent) shard.silentKeys.add(key);
    const unlucky = await submit(window, (n) => `silent-${n}`);
    const others = await submit(50, (n) => `key-${n}`);
    expect(new Set(await runFor(6_000))).toEqual(new Set(others));
    shard.silentKeys.clear();
    expect(new Set(await runFor(6_000))).toEqual(new Set(unlucky));
  });
});

describe('an owner that is not sure of its lease', () => {
  it('goes through no backlog of keys meanwhile, and asks for no more than may go when it is sure again', async () => {
    await begin({ maxRunningPerKey: 1 });
    shard.lease = false;
    const jobs = await submit(1_000, (n) => `key-${n}`);
    await shard.kit.advance(5_000);
    shard.lease = true;
    shard.asked.length = 0;
    await shard.kit.advance(1_000);
    expect(new Set(shard.asked.map(({ key }) => key)).size).toBeLessThanOrEqual(20 * window);
    expect(new Set(await runFor(30_000))).toEqual(new Set(jobs));
  });
});

describe('many jobs of a key that is full', () => {
  it('have their turn in many messages of the shard, and the job behind them goes', async () => {
    await begin({ maxRunningPerKey: 1 });
    const [holder] = await submit(1, () => 'full');
    await shard.kit.advance(100);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([holder]);
    shard.setRule('default', { paused: true, maxRunningPerKey: 1 });
    await submit(5_000, () => 'full');
    const [last] = await submit(1, () => 'other');
    shard.work.length = 0;
    shard.setRule('default', { maxRunningPerKey: 1 });
    await shard.kit.advance(900);
    expect(shard.work.map(({ jobId }) => jobId)).toContain(last);
  });
});

describe('jobs that wait for room in their key', () => {
  const sent = (): JobId[] => shard.work.map(({ jobId }) => jobId);

  it('go before jobs that came later when a job that was sent is cancelled', async () => {
    await begin({ maxRunningPerKey: 1 });
    const [first = '' as JobId, second] = await submit(2, () => 'k');
    await shard.kit.advance(100);
    expect(sent()).toEqual([first]);
    await shard.call('cancel', { jobId: first, reason: '' });
    await submit(1, () => 'k');
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([first, second]);
  });

  it('go before jobs that came later when no node has the handler of a job that was sent', async () => {
    await begin({ maxRunningPerKey: 1 });
    const specs = ['gone.work', 'test.echo'].map((handler) => ({ spec: testSpec({ concurrencyKey: 'k', handler }) }));
    const results = await shard.kit.outcome(shard.sendAll('submit', specs), 10_000);
    const [first, second] = results.map(({ record }) => record.id);
    await shard.kit.advance(100);
    expect(sent()).toEqual([first]);
    shard.missing.add('gone.work');
    await shard.kit.advance(1_000 - (shard.kit.clock.monotonicMs() % 1_000));
    await submit(1, () => 'k');
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([first, second]);
  });
});
