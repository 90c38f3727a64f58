// Who comes first, and what holds jobs back, in a whole cluster with two threads.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';
import { readLedger } from '../support/cluster-history.ts';

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  node = await cluster.startNode('one', { threads: 2, settings: { 'workers.lookaheadMs': 0 } });
  troupe = node.client();
});
afterAll(() => cluster.stop());

/** Takes the threads until `open` is called. */
async function threadsHeld(name: string): Promise<{ open(): Promise<void> }> {
  const gate = join(cluster.dir, `${name}.gate`);
  const input = { gate, ledger: join(cluster.dir, `${name}.held`) };
  const held = [await troupe.submit('test.hold', input), await troupe.submit('test.hold', input)];
  for (const { jobId } of held) {
    await cluster.waitFor('it holds its thread', async () => (await troupe.get(jobId)).progress !== undefined, 30_000);
  }
  return {
    async open() {
      writeFileSync(gate, '');
      for (const { jobId } of held) await troupe.wait(jobId);
    },
  };
}

it('starts the higher levels first, and the lowest before the flood is over', async () => {
  const ledger = join(cluster.dir, 'levels.ledger');
  const held = await threadsHeld('levels');
  const levels = [0, 2, 4] as const;
  const drafts = levels.flatMap((priority) =>
    Array.from({ length: 20 }, (_, n) => ({ handler: 'test.work', input: { n, ms: 1, ledger }, priority })),
  );
  const levelOf = new Map<string, number>();
  for (const [index, outcome] of (await troupe.submitMany(drafts)).entries()) {
    if ('ok' in outcome) levelOf.set(outcome.ok.jobId, drafts[index]?.priority ?? -1);
  }
  await cluster.waitFor(
    'the node pulls all levels',
    async () => {
      const pullers = (await troupe.cluster.tree()).actors.filter(({ kind }) => kind === 'puller');
      return ['^0', '^4'].every((level) => pullers.some(({ path }) => path.endsWith(level)));
    },
    30_000,
  );
  await held.open();
  for (const jobId of levelOf.keys()) expect(await troupe.wait(jobId)).toMatchObject({ priority: levelOf.get(jobId) });
  const starts = readLedger(ledger)
    .filter(({ what }) => what === 'start')
    .map(({ jobId }) => levelOf.get(jobId));
  const places = (level: number): number[] => starts.flatMap((one, place) => (one === level ? [place] : []));
  const mean = (of: readonly number[]): number => of.reduce((sum, place) => sum + place, 0) / of.length;
  expect(mean(places(4))).toBeLessThan(mean(places(2)));
  expect(mean(places(2))).toBeLessThan(mean(places(0)));
  // One of each weight in turn: the first of the lowest is not kept back until the others have ended.
  expect(places(0)[0]).toBeLessThan(40);
});

it('keeps what a paused queue holds over the death of its owner', async () => {
  await troupe.queues.create('weekly');
  const held = await threadsHeld('weekly');
  const ledger = join(cluster.dir, 'weekly.ledger');
  const submit = () => troupe.submit('test.work', { n: 1, ms: 1, ledger }, { queue: 'weekly' });
  // Its message is out before the pause; the other one's never is.
  const jobs = [await submit()];
  await troupe.queues.pause('weekly');
  jobs.push(await submit());
  await node.kill();
  await cluster.restartNode(node);
  await held.open();
  for (const { jobId } of jobs) expect((await troupe.get(jobId)).state).toBe('QUEUED');
  await troupe.queues.resume('weekly');
  await allOf(jobs.map(({ jobId }) => jobId));
});

/** The most runs of these jobs at a time, as their handlers wrote it down. */
function mostAtOnce(ledger: string): number {
  let [now, most] = [0, 0];
  for (const { what } of readLedger(ledger).toSorted((a, b) => a.atMs - b.atMs)) {
    now += what === 'start' ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

async function allOf(ids: readonly string[]): Promise<void> {
  for (const id of ids) expect((await troupe.wait(id)).state).toBe('SUCCEEDED');
}

it('starts nothing of a paused queue until it is resumed', async () => {
  await troupe.queues.create('nightly');
  expect((await troupe.queues.pause('nightly')).settings.flow.paused).toBe(true);
  const ledger = join(cluster.dir, 'paused.ledger');
  const submit = (queue: string) => troupe.submit('test.work', { n: 1, ms: 1, ledger }, { queue });
  const { jobId } = await submit('nightly');
  // Others run meanwhile, so it is not that nothing does.
  await allOf([(await submit('default')).jobId]);
  expect((await troupe.get(jobId)).state).toBe('QUEUED');
  await troupe.queues.resume('nightly');
  await allOf([jobId]);
});

it('runs one job at a time for each concurrency key, over shards', async () => {
  const ledgers = ['ann', 'bob'].map((key) => ({ key, ledger: join(cluster.dir, `${key}.ledger`) }));
  const ids: string[] = [];
  for (let n = 0; n < 6; n += 1) {
    for (const { key, ledger } of ledgers) {
      const options = { concurrencyKey: key, idempotencyKey: `${key}-${n}` };
      ids.push((await troupe.submit('test.work', { n, ms: 30, ledger }, options)).jobId);
    }
  }
  await allOf(ids);
  for (const { ledger } of ledgers) expect(mostAtOnce(ledger)).toBe(1);
});

it('runs no more of a queue at a time than it says, and starts no more than its rate', async () => {
  await troupe.queues.create('single', { flow: { maxRunning: 1, rate: { perSecond: 20, burst: 2 } } });
  const ledger = join(cluster.dir, 'single.ledger');
  const ids: string[] = [];
  for (let n = 0; n < 12; n += 1) {
    const options = { queue: 'single', idempotencyKey: `single-${n}` };
    ids.push((await troupe.submit('test.work', { n, ms: 5, ledger }, options)).jobId);
  }
  await allOf(ids);
  expect(mostAtOnce(ledger)).toBe(1);
  const starts = readLedger(ledger).filter(({ what }) => what === 'start');
  // Twelve starts: two at once, ten more at twenty a second; they are counted at the shard, a little before the code starts.
  const tookMs = Math.max(...starts.map(({ atMs }) => atMs)) - Math.min(...starts.map(({ atMs }) => atMs));
  expect(tookMs).toBeGreaterThan(400);
});

it('refuses what its queue has no room for, by bytes as by jobs, says when to come back, and takes it once there is', async () => {
  const once = node.client({ retry: { maxAttempts: 1 } });
  await troupe.queues.create('narrow', { maxBytes: 3_000, flow: { paused: true } });
  const input = { pad: 'x'.repeat(1_000 - '{"pad":""}'.length) };
  const submit = () => once.submit('test.echo', input, { queue: 'narrow' });
  const jobs = [await submit(), await submit(), await submit()];
  await expect(submit()).rejects.toMatchObject({
    code: 'QUEUE_FULL',
    status: 'RESOURCE_EXHAUSTED',
    metadata: { limit: 'max_bytes', max: '3000', held: '3000' },
    retryAfterMs: expect.any(Number) as number,
  });
  await expect(once.submit('test.echo', 'y'.repeat(4_000), { queue: 'narrow' })).rejects.toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    violations: [{ field: 'job.input' }],
  });
  await troupe.cancel(jobs[0]?.jobId ?? '');
  jobs.push(await cluster.waitFor('there is room again', submit, 30_000));
  await troupe.queues.resume('narrow');
  await allOf(jobs.slice(1).map(({ jobId }) => jobId));
});

it('refuses a job that would come too late, if it asks for that', async () => {
  await troupe.queues.create('slow', { flow: { maxRunning: 1 } });
  const ledger = join(cluster.dir, 'slow.ledger');
  // Enough that the queue is still long when a slow machine gets to ask.
  const drafts = Array.from({ length: 30 }, (_, n) => ({
    handler: 'test.work',
    queue: 'slow',
    input: { n, ms: 250, ledger },
  }));
  const outcomes = await troupe.submitMany(drafts);
  const hurried = { queue: 'slow', queueTimeoutMs: 100 };
  await cluster.waitFor(
    'a job has waited long, and others have run',
    async () => {
      const { oldestAgeMs = 0 } = await troupe.queues.stats('slow');
      return oldestAgeMs > 1_000 && readLedger(ledger).some(({ what }) => what === 'end');
    },
    30_000,
  );
  const refused = node.client({ retry: { maxAttempts: 1 } }).submit('test.echo', 1, { ...hurried, refuseLate: true });
  await expect(refused).rejects.toMatchObject({ code: 'WOULD_BE_LATE', metadata: { field: 'job.queue_timeout' } });
  // Without being asked to it takes the job, which does come too late.
  const { jobId } = await troupe.submit('test.echo', 1, hurried);
  expect((await troupe.wait(jobId)).state).toBe('EXPIRED');
  await allOf(outcomes.map((outcome) => ('ok' in outcome ? outcome.ok.jobId : '')));
});

it('starts nothing of a paused tenant, while what runs goes on', async () => {
  await troupe.queues.create('tenant-wide');
  await troupe.tenants.create('default');
  const held = await threadsHeld('tenant-wide');
  const input = { n: 1, ms: 1, ledger: join(cluster.dir, 'tenant-wide.ledger') };
  const { jobId } = await troupe.submit('test.work', input, { queue: 'tenant-wide' });
  await troupe.tenants.pause('default', { reason: 'for a test' });
  await expect(troupe.submit('test.work', input)).rejects.toMatchObject({ code: 'TENANT_PAUSED' });
  const why = async (): Promise<string | undefined> => (await troupe.get(jobId, { explain: true })).waiting?.detail;
  await cluster.waitFor(
    'the shard holds its queues back',
    async () => (await why()) === 'its queue is paused: the whole tenant is',
    30_000,
  );
  await held.open();
  expect((await troupe.get(jobId)).state).toBe('QUEUED');
  await troupe.tenants.resume('default');
  expect((await troupe.wait(jobId)).state).toBe('SUCCEEDED');
});
