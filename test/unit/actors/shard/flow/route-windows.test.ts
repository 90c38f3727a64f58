/** A need that not every node meets has windows of its own, so its backlog keeps no job of other nodes waiting. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const window = 8;
const windowsInUse = (): number => dispatchWindows.inUse;

let dispatchWindows: DispatchWindows;
let shard: ShardHarness;

beforeEach(async () => {
  dispatchWindows = new DispatchWindows({ floor: { most: window, least: window }, outMax: 1_000_000, most: window });
  shard = await createShardHarness({ dispatchWindows, backlogMax: 1_000 });
  await shard.start();
});
afterEach(() => shard.close());

/** With a version, the test's nodes do not all have the handler. */
const rare: Partial<JobSpec> = { handlerVersion: '1.0.0' };
const other: Partial<JobSpec> = { handlerVersion: '2.0.0' };

async function submit(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec(overrides) }));
  return (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
}

const sent = (): JobId[] => shard.work.map(({ jobId }) => jobId);

/** A node takes the message of the job, and ends the attempt that it begins. */
async function run(id: JobId | undefined): Promise<void> {
  const message = shard.work.findLast(({ jobId }) => jobId === id);
  if (message === undefined) throw new Error(`no message of ${id}`);
  const { jobId, epoch, again = 0 } = message;
  const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
  if (claimed.kind !== 'granted') throw new Error(claimed.kind);
  await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
}

describe('a backlog of a handler that few nodes have', () => {
  it('sends a window, and keeps no job that other nodes can run waiting', async () => {
    const backlog = await submit(50, rare);
    const common = await submit(2);
    const others = await submit(20, other);
    expect(sent()).toEqual([...backlog.slice(0, window), ...common, ...others.slice(0, window)]);
    // None of it starts for a long time.
    await shard.kit.advance(60_000);
    const [late] = await submit(1);
    expect(sent().at(-1)).toBe(late);
    expect(windowsInUse()).toBe(3);
  });

  it('goes on in its order when its jobs start, and each job starts once', async () => {
    const backlog = await submit(50, rare);
    const common = await submit(50);
    for (let n = 0; n < 50; n += 1) {
      await run(backlog[n]);
      await run(common[n]);
    }
    expect(sent().filter((id) => backlog.includes(id))).toEqual(backlog);
    expect(sent().filter((id) => common.includes(id))).toEqual(common);
    await shard.kit.advance(2_000);
    expect(windowsInUse()).toBe(0);
  });

  it('that waits behind a full window of all nodes has its own', async () => {
    const common = await submit(50);
    const few = await submit(2, rare);
    expect(sent()).toEqual([...common.slice(0, window), ...few]);
  });

  it('of very many versions shares windows, so that nobody fills the stream with needs that he makes up', async () => {
    for (let n = 0; n < 60; n += 1) await submit(window + 1, { handlerVersion: `>=0.0.${n}` });
    expect(windowsInUse()).toBe(33);
    expect(sent()).toHaveLength(33 * window);
  });

  it('of which all jobs are cancelled leaves nothing behind', async () => {
    const backlog = await submit(30, rare);
    for (const jobId of backlog) await shard.call('cancel', { jobId, reason: 'no' });
    await shard.kit.advance(2_000);
    expect(windowsInUse()).toBe(0);
    const [next] = await submit(1, rare);
    expect(sent().at(-1)).toBe(next);
  });
});

/** A node claims the message of the job and goes on with its attempt. */
async function begin(id: JobId | undefined): Promise<() => Promise<unknown>> {
  const message = shard.work.findLast(({ jobId }) => jobId === id);
  if (message === undefined) throw new Error(`no message of ${id}`);
  const { jobId, epoch, again = 0 } = message;
  const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
  if (claimed.kind !== 'granted') throw new Error(claimed.kind);
  return () => shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
}

/** Runs all that is sent, in the order of the messages, and returns the jobs in this order. */
async function runAll(count: number): Promise<JobId[]> {
  for (let n = 0; n < count; n += 1) await run(sent()[n]);
  return sent();
}

describe('jobs that are blocked while their route changes', () => {
  it('keep their order when the handler comes to every node', async () => {
    const backlog = await submit(50, rare);
    const common = await submit(20);
    shard.spread.add('1.0.0');
    await shard.kit.advance(1_100);
    const late = await submit(5, rare);
    const order = await runAll(75);
    expect(order.filter((id) => common.includes(id))).toEqual(common);
    expect(order.filter((id) => !common.includes(id))).toEqual([...backlog, ...late]);
  });

  it('keep their order when a node without the handler comes', async () => {
    const backlog = await submit(50, { handler: 'some.work' });
    const few = await submit(1, rare);
    shard.rare.add('some.work');
    await shard.kit.advance(1_100);
    const late = await submit(5, { handler: 'some.work' });
    const order = await runAll(56);
    expect(order.filter((id) => !few.includes(id))).toEqual([...backlog, ...late]);
  });

  it('keep their order when their need gets a window of its own after it shared one', async () => {
    const before: JobId[] = [];
    for (let n = 0; n < 32; n += 1) before.push(...(await submit(1, { handlerVersion: `>=0.0.${n}` })));
    const backlog = await submit(20, rare);
    for (const id of before) await run(id);
    await shard.kit.advance(1_100);
    const late = await submit(3, rare);
    for (let n = 32; n < 55; n += 1) await run(sent()[n]);
    expect(sent().slice(32)).toEqual([...backlog, ...late]);
  });
});

describe('jobs that are blocked in a queue with a limit', () => {
  it('go before jobs that came later', async () => {
    shard.setRule('default', { maxRunning: window + 4 });
    await shard.kit.advance(1_000);
    const backlog = await submit(12, rare);
    await shard.kit.advance(1_000);
    // The rest of the limit is taken by others. Then those of the backlog run, so that their window is empty.
    await submit(4);
    await shard.kit.advance(1_000);
    const ends: (() => Promise<unknown>)[] = [];
    for (const id of backlog.slice(0, window)) ends.push(await begin(id));
    const late = await submit(4, rare);
    for (const end of ends) {
      await end();
      await shard.kit.advance(1_000);
    }
    expect(sent().filter((id) => backlog.includes(id) || late.includes(id))).toEqual([...backlog, ...late]);
  });
});
