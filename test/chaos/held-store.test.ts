// The store takes no commits for a while: shards cannot be recovered, and what is decided is not durable. Nobody hangs.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { jobIdParts, parseJobId } from '../../src/domain/job-id.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { openStoreView, type StoreView } from '../support/fault-store.ts';

const shards = [0, 1, 2, 3];
const inAnHour = new Date(Date.now() + 3_600_000);

let cluster: TestCluster;
let stays: TestNode;
let dies: TestNode;
let troupe: TroupeClient;
let store: StoreView;

beforeEach(async () => {
  cluster = await startCluster();
  stays = await cluster.startNode('stays');
  dies = await cluster.startNode('dies');
  // Each call is made once, and may last far longer than any answer that is expected.
  troupe = stays.client({ retry: { maxAttempts: 1 }, timeoutMs: 120_000 });
  await cluster.waitFor('both own shards', () => owns(stays) && owns(dies), 30_000);
  store = openStoreView(cluster.sqlitePath);
});
afterEach(async () => {
  store.close();
  await cluster.stop();
});

const owns = (node: TestNode): boolean => shards.some((shard) => cluster.ownerOf(shard)?.node === node);

function shardOf(jobId: string): number {
  const id = parseJobId(jobId);
  if (id === undefined) throw new Error(`${jobId} is no job id`);
  return jobIdParts(id).shard;
}

/** A job that is due much later, in a shard of this node, and its key. */
async function laterJob(node: TestNode): Promise<{ readonly jobId: string; readonly key: string }> {
  for (let n = 0; n < 100; n += 1) {
    const key = randomUUID();
    const { jobId } = await troupe.submit('test.echo', 0, { idempotencyKey: key, runAt: inAnHour });
    if (cluster.ownerOf(shardOf(jobId))?.node === node) return { jobId, key };
  }
  throw new Error(`no key leads to ${node.name}`);
}

/** The node that stays tries to take the shard over. */
async function isRecovering(shard: number): Promise<boolean> {
  const { actors } = await troupe.cluster.tree();
  return actors.some(({ path, state }) => path.endsWith(`/shard:${shard}`) && ['starting', 'waiting'].includes(state));
}

const unavailable = { status: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number };

describe('while the store takes no commits', () => {
  it('a job of a shard that is being recovered is read from the store, and what would change it is refused at once', async () => {
    const { jobId, key } = await laterJob(dies);
    const ended = await laterJob(dies);
    await troupe.cancel(ended.jobId);
    store.lock();
    await dies.kill();
    await cluster.waitFor('its shard is being recovered', () => isRecovering(shardOf(jobId)), 60_000);
    expect((await troupe.get(jobId)).state).toBe('SCHEDULED');
    expect((await troupe.get(ended.jobId)).state).toBe('CANCELLED');
    const listed = [];
    for await (const { id } of troupe.list()) listed.push(id);
    expect(listed).toContain(jobId);
    const away = { ...unavailable, code: 'SHARD_UNAVAILABLE' };
    await expect(troupe.cancel(jobId)).rejects.toMatchObject(away);
    await expect(troupe.reschedule(jobId, 'now')).rejects.toMatchObject(away);
    const again = { idempotencyKey: key, runAt: inAnHour };
    await expect(troupe.submit('test.echo', 0, again)).rejects.toMatchObject(away);
    // All that before the shard had an owner.
    expect(cluster.ownerOf(shardOf(jobId))?.node).toBe(dies);
    store.unlock();
    await cluster.waitFor('it is cancelled', async () => (await troupe.cancel(jobId)).state === 'CANCELLED', 60_000);
  });

  it('a job of a shard that has its owner is read from the store, and whoever changes it is told that nobody knows', async () => {
    const { jobId } = await laterJob(stays);
    store.lock();
    await expect(troupe.cancel(jobId)).rejects.toMatchObject({ ...unavailable, code: 'OUTCOME_UNKNOWN' });
    expect((await troupe.get(jobId)).state).toBe('SCHEDULED');
    await cluster.waitFor(
      'the next is refused at once',
      async () => {
        const error = await troupe.submit('test.echo', 0).then(
          () => undefined,
          (reason: unknown) => reason as { readonly code: string },
        );
        return error?.code === 'STORE_UNAVAILABLE';
      },
      90_000,
    );
    store.unlock();
    await cluster.waitFor('it is cancelled', async () => (await troupe.cancel(jobId)).state === 'CANCELLED', 60_000);
  });
});
