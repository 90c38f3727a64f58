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
