/** A recovery reads a shard record by record. It may take long, and it may fail half way. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sliceJobs } from '../../../../../src/actors/shard/core/slices.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

let shard: ShardHarness;

beforeEach(async () => {
  shard = await createShardHarness();
  await shard.start();
});
afterEach(() => shard.close());

async function submit(count: number): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec() }));
  return (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
}

async function run(jobId: JobId): Promise<string> {
  const message = shard.work.findLast((one) => one.jobId === jobId);
  const { epoch, again = 0 } = message ?? { epoch: 0 };
  const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
  if (claimed.kind !== 'granted') throw new Error(claimed.kind);
  return claimed.token;
}

it('a run is not lost because its shard took long to be read', async () => {
  const [jobId] = await submit(1);
  await shard.kit.advance(61_000);
  await submit(1);
  const token = await run(jobId as JobId);
  await shard.kit.advance(1_000);
  // The minute of the run is read at once, and the other one after half a minute.
  const later = Promise.withResolvers<undefined>();
  let reads = 0;
  shard.onRead = async () => {
    reads += 1;
    if (reads > 1) await later.promise;
  };
  await shard.start();
  await shard.kit.advance(30_000);
  later.resolve(undefined);
  await shard.kit.advance(2_000);
  expect(reads).toBe(2);
  const beat = await shard.call('heartbeat', { node: 'n1', runs: [{ jobId: jobId as JobId, token }] });
  expect(beat).toMatchObject({ stop: [] });
  await shard.call('report', { jobId: jobId as JobId, token, outcome: { kind: 'succeeded' } });
  expect((await shard.store.jobs.findJob(jobId as JobId))?.state).toBe('SUCCEEDED');
});

it('a recovery that fails half way leaves nothing counted, and the next one has all jobs', async () => {
  // Both minutes are read as a whole.
  shard.onList = () => {
    throw new TroupeError('STORE_UNAVAILABLE');
  };
  const jobs = await submit(10);
  await shard.kit.advance(1_000);
  const used = shard.memory.usedBytes;
  expect(used).toBeGreaterThan(0);
  await shard.kit.advance(120_000);
  await submit(10);
  let reads = 0;
  shard.onRead = () => {
    reads += 1;
    return reads === 2 ? Promise.reject(new TroupeError('STORE_UNAVAILABLE')) : Promise.resolve();
  };
  await shard.start();
  expect(reads).toBe(2);
  expect(shard.memory.usedBytes).toBe(0);
  await expect(shard.call('get', { jobId: jobs[0] as JobId })).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  await shard.start();
  for (const jobId of jobs) expect((await shard.call('get', { jobId })).record.state).toBe('QUEUED');
});

it.each([
  ['warm', false],
  ['cold', true],
])('a recovery of many %s jobs leaves the loop to others each few thousand jobs', async (_what, tight) => {
  const many = await createShardHarness({ backlogMax: 10_000 });
  many.setRule('default', { paused: true });
  await many.start();
  const count = 3 * sliceJobs;
  for (let left = count; left > 0; left -= 200) {
    const items = Array.from({ length: 200 }, () => ({ spec: testSpec() }));
    await many.kit.outcome(many.sendAll('submit', items), 1_000);
  }
  await many.stop();
  many.memory.tight = tight;
  const { clock } = many.kit;
  let pauses = 0;
  const setTimer = clock.setTimer.bind(clock);
  clock.setTimer = (delayMs, fire) => {
    if (delayMs === 0) pauses += 1;
    return setTimer(delayMs, fire);
  };
  await many.start();
  await many.kit.advance(10);
  clock.setTimer = setTimer;
  expect((await many.call('load', {})).waiting).toMatchObject([{ jobs: count }]);
  expect(pauses).toBeGreaterThanOrEqual(2 * Math.floor(count / sliceJobs) - 1);
  await many.close();
});
