/**
 * Jobs while no live node has their handler: one message of each need at most is sent, none
 * is sent twice, whoever can run goes on, and when a node comes (or was there all the time) all of them run in fair order.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../../../src/application/ports/shard-protocol.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const { handler } = testSpec();
const other = 'other.work';

let shard: ShardHarness;
let epoch: number;

beforeEach(async () => {
  shard = await createShardHarness();
  epoch = 0;
  return () => shard.close();
});

async function begin(rule: FlowRule): Promise<void> {
  shard.rules.set('default', rule);
  epoch += 1;
  await shard.start();
  await shard.kit.advance(100);
}

async function submitMany(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec(overrides) }));
  return (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
}

async function submit(overrides: Partial<JobSpec> = {}): Promise<JobId> {
  const [id] = await submitMany(1, overrides);
  if (id === undefined) throw new Error('not accepted');
  return id;
}

const claim = (jobId: JobId): Promise<ClaimResult> =>
  shard.call('claim', { jobId, node: 'n1', epoch: epoch, ackTo: `ack-${jobId}` });

/** By the message with that number in the stream. */
function take(place: number): Promise<ClaimResult> {
  const message = shard.work[place];
  if (message === undefined) throw new Error(`no message ${place}`);
  const { jobId, epoch: of, again = 0 } = message;
  return shard.call('claim', { jobId, node: 'n1', epoch: of, again, ackTo: `ack-${place}` });
}

/** As a node that has the handlers: claims what the stream holds, ends what it was granted, in turns of 20 ms. */
async function serve(forMs: number, from: number, lacks = ''): Promise<JobId[]> {
  const order: JobId[] = [];
  let next = from;
  for (let ms = 0; ms < forMs; ms += 20) {
    const runs: { readonly jobId: JobId; readonly token: string }[] = [];
    for (; next < shard.work.length; next += 1) {
      const message = shard.work[next];
      if (message === undefined || message.need.handler === lacks) continue;
      const { jobId } = message;
      const result = await claim(jobId);
      if (result.kind === 'granted') runs.push({ jobId, token: result.token });
    }
    order.push(...runs.map(({ jobId }) => jobId));
    for (const run of runs) await shard.call('report', { ...run, outcome: { kind: 'succeeded' } });
    await shard.kit.advance(20);
  }
  return order;
}

/** How often each job was sent. */
function times(): number[] {
  const counts = new Map<JobId, number>();
  for (const { jobId } of shard.work) counts.set(jobId, (counts.get(jobId) ?? 0) + 1);
  return [...counts.values()];
}

async function flap(): Promise<void> {
  shard.missing.add(handler);
  await shard.kit.advance(3_000);
  shard.missing.delete(handler);
  await shard.kit.advance(3_000);
}

describe('a node that alone has the handler and comes and goes', () => {
  it('makes no job have two messages, and the stream hold no more than one window of them', async () => {
    await begin({ maxRunning: 1_000 });
    const jobs = await submitMany(250);
    await shard.kit.advance(500);
    for (let n = 0; n < 5; n += 1) await flap();
    expect(Math.max(...times())).toBe(1);
    expect(shard.work).toHaveLength(32);
    const order = await serve(8_000, 0);
    expect(order).toEqual(jobs);
    expect(shard.work).toHaveLength(250);
  });

  it('makes one message of each need go out while it is away', async () => {
    shard.missing.add(handler).add(other);
    await begin({ maxRunning: 1_000 });
    const jobs = await submitMany(100);
    const others = await submitMany(100, { handler: other });
    await shard.kit.advance(20_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([jobs[0], others[0]]);
  });

  it('leaves no job with a key waiting for its home, when the key was forgotten meanwhile', async () => {
    shard.missing.add(handler);
    await begin({});
    const job = await submit({ concurrencyKey: 'k' });
    await shard.kit.advance(30_000);
    const [probe] = shard.work;
    if (probe === undefined) throw new Error('no probe');
    shard.lose([probe]);
    shard.missing.clear();
    await shard.kit.advance(30_000);
    expect(await serve(5_000, 1)).toEqual([job]);
  });

  it('makes no more messages go out than a window has, however many needs somebody makes up', async () => {
    shard.missing.add(handler);
    await begin({});
    const items = Array.from({ length: 250 }, (_, n) => ({ spec: testSpec({ handlerVersion: `>=0.0.${n}` }) }));
    const jobs = (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
    await shard.kit.advance(20_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual(jobs.slice(0, 32));
    // A probe that is used up makes room for that of another need.
    await shard.call('cancel', { jobId: jobs[0] as JobId, reason: '' });
    await shard.kit.advance(2_000);
    expect(shard.work.slice(32)).toHaveLength(1);
    shard.missing.clear();
    expect(new Set(await serve(20_000, 0)).size).toBe(249);
  });

  it('leaves the places of a limit to others, and gets no job started past the limit when it is back', async () => {
    await begin({ maxRunning: 1 });
    const first = await submit();
    await shard.kit.advance(500);
    shard.missing.add(handler);
    const well = await submit({ handler: other });
    await shard.kit.advance(3_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([first, well]);
    const granted = await claim(well);
    if (granted.kind !== 'granted') throw new Error(granted.kind);
    shard.missing.clear();
    await shard.kit.advance(1_500);
    expect(await claim(first)).toEqual({ kind: 'drop' });
    await shard.call('report', { jobId: well, token: granted.token, outcome: { kind: 'succeeded' } });
    await shard.kit.advance(2_000);
    // Its first message was used up.
    expect(shard.work.slice(2)).toMatchObject([{ jobId: first, again: 3 }]);
    expect(await claim(first)).toMatchObject({ kind: 'granted' });
  });

  it('gets keys in turns when it is back, however many of one stood aside first', async () => {
    await begin({ maxRunning: 1 });
    shard.missing.add(handler);
    const big = new Set(await submitMany(60, { fairnessKey: 'big' }));
    await submitMany(20, { fairnessKey: 'small' });
    await shard.kit.advance(3_000);
    shard.missing.clear();
    await shard.kit.advance(1_500);
    const order = await serve(8_000, 0);
    expect(order).toHaveLength(80);
    const early = order.slice(0, 30).filter((jobId) => big.has(jobId)).length;
    expect(early).toBeGreaterThanOrEqual(14);
    expect(early).toBeLessThanOrEqual(16);
  });

  it('costs the jobs that could run no turn of their key', async () => {
    await begin({ maxRunning: 4 });
    shard.missing.add(other);
    await submitMany(50, { fairnessKey: 'a', handler: other });
    const ofA = new Set(await submitMany(10, { fairnessKey: 'a' }));
    await submitMany(30, { fairnessKey: 'b' });
    await shard.kit.advance(1_500);
    const order = await serve(4_000, 0, other);
    const early = order.slice(0, 18).filter((jobId) => ofA.has(jobId)).length;
    expect(early).toBeGreaterThanOrEqual(8);
    expect(early).toBeLessThanOrEqual(10);
  });
});

describe('a job that stands aside', () => {
  it('is cancelled or expires, and the next of its need has the message', async () => {
    shard.missing.add(handler);
    await begin({ maxRunning: 10 });
    const [first, second, third] = await submitMany(3, { queueTimeoutMs: 60_000 });
    await shard.kit.advance(2_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([first]);
    await shard.call('cancel', { jobId: second as JobId, reason: 'no' });
    await shard.call('cancel', { jobId: first as JobId, reason: 'no' });
    await shard.kit.advance(1_500);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([first, third]);
    await shard.kit.advance(60_000);
    expect((await shard.call('get', { jobId: third as JobId })).record.state).toBe('EXPIRED');
  });

  it('runs at once, one after the other, when the shard is wrong about the nodes', async () => {
    shard.missing.add(handler);
    await begin({ maxRunning: 5 });
    const jobs = await submitMany(40);
    // All the time a node has it, and the shard never hears of it.
    const order = await serve(4_000, 0);
    expect(order).toEqual(jobs);
    expect(Math.max(...times())).toBe(1);
  });

  it('is sent by the successor of its owner, one for each need', async () => {
    shard.missing.add(handler);
    await begin({ maxRunning: 10 });
    const jobs = await submitMany(40);
    await shard.kit.advance(10_000);
    expect(shard.work).toHaveLength(1);
    await begin({ maxRunning: 10 });
    await shard.kit.advance(10_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([jobs[0], jobs[0]]);
    shard.missing.clear();
    await shard.kit.advance(1_500);
    expect(new Set(await serve(4_000, 1))).toEqual(new Set(jobs));
  });

  it('is not sent either when its queue has no limit any more, but for the one that is out', async () => {
    shard.missing.add(handler);
    await begin({ maxRunning: 10 });
    await submitMany(40);
    await shard.kit.advance(2_000);
    shard.setRule('default', {});
    await shard.kit.advance(100);
    expect(times()).toEqual([1]);
  });

  it('gives its place in a concurrency key to one that can run', async () => {
    await begin({});
    shard.missing.add(other);
    const lost = await submitMany(3, { handler: other, concurrencyKey: 'k' });
    const well = await submit({ concurrencyKey: 'k' });
    await shard.kit.advance(2_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([lost[0], well]);
  });

  it('keeps its place over a pause that came while its message was out', async () => {
    await begin({ maxRunning: 2 });
    const jobs = await submitMany(20);
    await shard.kit.advance(500);
    shard.setRule('default', { paused: true });
    for (const { jobId } of shard.work.slice()) expect(await claim(jobId)).toEqual({ kind: 'drop' });
    shard.setRule('default', { maxRunning: 2 });
    await shard.kit.advance(1_000);
    expect(new Set(shard.work.slice(2).map(({ jobId }) => jobId))).toEqual(new Set(jobs.slice(0, 2)));
  });
});

describe('a message that is not the newest of its owner', () => {
  it('of a predecessor: uses up itself alone, while there is no room', async () => {
    await begin({ maxRunning: 1 });
    const job = await submit();
    await shard.kit.advance(500);
    shard.missing.add(handler);
    await begin({ maxRunning: 1 });
    const well = await submit({ handler: other });
    await shard.kit.advance(500);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([job, job, well]);
    const granted = await take(2);
    if (granted.kind !== 'granted') throw new Error(granted.kind);
    shard.missing.clear();
    await shard.kit.advance(1_500);
    expect(await take(0)).toEqual({ kind: 'drop' });
    await shard.call('report', { jobId: well, token: granted.token, outcome: { kind: 'succeeded' } });
    await shard.kit.advance(2_000);
    expect(shard.work).toHaveLength(3);
    expect(await take(1)).toMatchObject({ kind: 'granted' });
  });

  it('of a predecessor: uses up itself alone, in a pause', async () => {
    await begin({ maxRunning: 2 });
    await submit();
    await shard.kit.advance(500);
    await begin({ maxRunning: 2 });
    await shard.kit.advance(500);
    expect(shard.work).toHaveLength(2);
    shard.setRule('default', { paused: true });
    expect(await take(0)).toEqual({ kind: 'drop' });
    shard.setRule('default', { maxRunning: 2 });
    await shard.kit.advance(2_000);
    expect(shard.work).toHaveLength(2);
    expect(await take(1)).toMatchObject({ kind: 'granted' });
  });

  it('of this owner, and comes again when its acknowledgement was lost: the job gets no third one', async () => {
    await begin({ maxRunning: 2 });
    await submit();
    await shard.kit.advance(500);
    shard.setRule('default', { paused: true });
    expect(await take(0)).toEqual({ kind: 'drop' });
    shard.setRule('default', { maxRunning: 2 });
    await shard.kit.advance(1_000);
    expect(shard.work).toHaveLength(2);
    shard.setRule('default', { paused: true });
    expect(await take(0)).toEqual({ kind: 'drop' });
    shard.setRule('default', { maxRunning: 2 });
    await shard.kit.advance(2_000);
    expect(shard.work).toHaveLength(2);
    expect(await take(1)).toMatchObject({ kind: 'granted' });
  });
});
