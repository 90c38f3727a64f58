// Queues that are deleted under load, in a cluster of two nodes: no job that was accepted is left behind in one.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TroupeClient, TroupeClientError } from '../../src/client/index.ts';
import { subscribeDurable } from '../support/cluster-events.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';

let cluster: TestCluster;
let nodes: readonly TestNode[];
let one: TroupeClient;
let other: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  nodes = [await cluster.startNode('one', { threads: 2 }), await cluster.startNode('two', { threads: 1 })];
  [one, other] = nodes.map((node) => node.client()) as [TroupeClient, TroupeClient];
});
afterAll(() => cluster.stop());

async function deleted(client: TroupeClient, name: string): Promise<boolean> {
  try {
    await client.queues.delete(name);
    return true;
  } catch (error) {
    if (error instanceof TroupeClientError && error.code === 'QUEUE_NOT_EMPTY') return false;
    throw error;
  }
}

it('refuses while jobs wait or run, and keeps the ended ones', async () => {
  await one.queues.create('import', { flow: { paused: true } });
  const { jobId } = await one.submit('test.echo', { a: 1 }, { queue: 'import' });
  await expect(other.queues.delete('import')).rejects.toMatchObject({
    code: 'QUEUE_NOT_EMPTY',
    status: 'FAILED_PRECONDITION',
    metadata: { queue: 'import', waiting: '1' },
  });
  // The attempt did it no harm.
  await one.queues.resume('import');
  expect(await one.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { a: 1 } });
  await cluster.waitFor('it can be deleted', () => deleted(other, 'import'), 30_000);
  expect(await one.get(jobId)).toMatchObject({ state: 'SUCCEEDED', queue: 'import', output: { a: 1 } });
  // Both gateways have the queue in their cache.
  for (const client of [one, other]) {
    await expect(client.submit('test.echo', 1, { queue: 'import' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  }
});

it('publishes the end of each job alone, if it says so, for jobs that come after it said so', async () => {
  const events = await subscribeDurable(cluster.broker.url, cluster.root, 'quiet');
  try {
    const { settings } = await one.queues.create('quiet', { publishedEvents: 'ends' });
    expect(settings.publishedEvents).toBe('ends');
    const retry = { initialDelayMs: 1 };
    const { jobId } = await one.submit('test.flaky', { failures: 1 }, { queue: 'quiet', retry });
    expect(await one.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { attempt: 2 } });
    await cluster.waitFor('its end is published', () => events.ofJob(jobId).length > 0, 10_000);
    const { version } = await other.queues.update('quiet', 1, { publishedEvents: 'all' });
    const loud = await other.submit('test.flaky', { failures: 0 }, { queue: 'quiet' });
    await cluster.waitFor(
      'all events of a later job are published',
      () => events.ofJob(loud.jobId).length === 3,
      10_000,
    );
    // The events of a job come in their order, so none can follow its end.
    expect(events.ofJob(jobId)).toMatchObject([{ type: 'succeeded', sequence: '0000000006' }]);
    expect((await other.queues.get('quiet')).version).toBe(version);
  } finally {
    await events.close();
  }
});

it('leaves no accepted job behind, however submits and deletions meet', async () => {
  const accepted: string[] = [];
  const refusals = new Set<string>();
  for (let round = 0; round < 6; round += 1) {
    const name = `raced-${round}`;
    await one.queues.create(name);
    let isGone = false;
    const submitting = [one, other].map(async (client) => {
      while (!isGone) {
        try {
          accepted.push((await client.submit('test.echo', round, { queue: name })).jobId);
        } catch (error) {
          refusals.add(error instanceof TroupeClientError ? error.code : String(error));
        }
        // Now and then nothing is unfinished, and the deletion has its chance.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      }
    });
    await cluster.waitFor('it is deleted', () => deleted(round % 2 === 0 ? one : other, name), 60_000);
    isGone = true;
    await Promise.all(submitting);
    for (const jobId of accepted.splice(0)) {
      expect(await one.get(jobId), jobId).toMatchObject({ state: 'SUCCEEDED', queue: name });
    }
  }
  for (const code of refusals) expect(['QUEUE_NOT_FOUND', 'QUEUE_CLOSING']).toContain(code);
});

it('is another queue when it is made anew, for every gateway and node', async () => {
  const cycle = async (round: number): Promise<void> => {
    await one.queues.create('phoenix', { executionTimeoutMs: 10_000 + round });
    for (const client of [one, other]) {
      const { jobId } = await client.submit('test.echo', round, { queue: 'phoenix' });
      expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', executionTimeoutMs: 10_000 + round });
    }
    await cluster.waitFor('it can be deleted', () => deleted(other, 'phoenix'), 30_000);
  };
  for (let round = 0; round < 3; round += 1) await cycle(round);
});

it('knows what is deleted after a node was killed', async () => {
  await one.queues.create('late');
  const { jobId } = await other.submit('test.echo', 1, { queue: 'late' });
  await one.wait(jobId);
  await cluster.waitFor('it can be deleted', () => deleted(one, 'late'), 30_000);
  await nodes[0]?.kill();
  // The cache of this gateway is as old as before; the shards that it asks have a new owner.
  await expect(other.submit('test.echo', 1, { queue: 'late' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  await cluster.waitFor(
    'the other node has all shards',
    async () => (await other.get(jobId)).state === 'SUCCEEDED',
    30_000,
  );
  await other.queues.create('late');
  const again = await other.submit('test.echo', 2, { queue: 'late' });
  expect(await other.wait(again.jobId)).toMatchObject({ state: 'SUCCEEDED', output: 2 });
});
