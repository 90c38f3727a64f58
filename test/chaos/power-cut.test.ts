/**
 * JetStream loses messages and says nothing of it: a stream that was purged, a server whose power was cut between two
 * writes to its disk (its store is put back as it was), with and without the owner of the shards. The jobs wait, since
 * there is no worker until all is lost, and each shard has one message of them out; then each ends, once, and a durable
 * subscriber misses nothing.
 */
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { type JobId, jobIdParts, parseJobId } from '../../src/domain/job-id.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { type EventSubscriber, subscribeDurable } from '../support/cluster-events.ts';
import { History, readLedger } from '../support/cluster-history.ts';

let cluster: TestCluster;
let owner: TestNode;
let worker: TestNode;
let events: EventSubscriber;
let history: History;
let ledger: string;
let ids: string[];

beforeEach(async () => {
  cluster = await startCluster();
  owner = await cluster.startNode('owner', { roles: ['gateway', 'shards'] });
  worker = await cluster.startNode('worker', { roles: ['workers'], threads: 2 });
  events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
  history = new History();
  ledger = join(cluster.dir, 'runs.ledger');
  ids = [];
  await submit(1);
  await everythingEnds(owner.client());
  await worker.stop();
});
afterEach(async () => {
  await events.close();
  await cluster.stop();
});

async function submit(count: number): Promise<void> {
  const troupe = owner.client();
  for (let n = 0; n < count; n += 1) {
    const key = `k-${ids.length}`;
    const { jobId } = await troupe.submit('test.work', { n, ms: 1, ledger }, { idempotencyKey: key });
    history.accepted(jobId, key);
    ids.push(jobId);
  }
}

async function messages(): Promise<number> {
  const manager = await jetstreamManager(events.connection);
  return (await manager.streams.info(`${cluster.root.toUpperCase()}_WORK`)).state.messages;
}

/** No node can run the jobs, so each shard sends the message of one of its own. */
async function allWait(): Promise<void> {
  const shards = new Set(ids.slice(1).map((id) => jobIdParts(parseJobId(id) as JobId).shard));
  await cluster.waitFor('each shard has one out', async () => (await messages()) === shards.size, 30_000);
}

async function everythingEnds(troupe: TroupeClient): Promise<void> {
  for (const id of ids) {
    const job = await troupe.wait(id, { signal: AbortSignal.timeout(60_000) });
    history.saw('final', job);
    expect(job.state).toBe('SUCCEEDED');
  }
  const isComplete = (): boolean => ids.every((id) => events.ofJob(id).some(({ type }) => type === 'succeeded'));
  await cluster.waitFor('every last event', isComplete, 30_000);
}

async function endsOnceWorkersAreBack(what: string, troupe: TroupeClient): Promise<void> {
  const beganMs = performance.now();
  await cluster.restartNode(worker);
  await everythingEnds(troupe);
  process.stderr.write(`measured: ${what}: all ended ${Math.round(performance.now() - beganMs)} ms after\n`);
  expect(history.check({ events: events.events, executions: readLedger(ledger) })).toEqual([]);
}

describe('the stream of work is purged', () => {
  async function purge(): Promise<void> {
    const manager = await jetstreamManager(events.connection);
    await manager.streams.purge(`${cluster.root.toUpperCase()}_WORK`);
    expect(await messages()).toBe(0);
  }

  it('while its jobs wait: each is sent again by the owner that has sent it before', async () => {
    await submit(30);
    await allWait();
    await purge();
    await endsOnceWorkersAreBack('purged', owner.client());
  });

  it('and the owner dies: each is sent by the next one, which has sent none of them', async () => {
    await submit(30);
    await allWait();
    await purge();
    await owner.kill();
    const next = await cluster.restartNode(owner);
    await endsOnceWorkersAreBack('purged, and a new owner', next.client());
  });
});

describe('the power of the nats-server is cut between two writes to its disk', () => {
  it('what came since is sent and told again', async () => {
    const copy = join(cluster.dir, 'store-of-before');
    await submit(10);
    await allWait();
    await cluster.broker.copyStore(copy);
    await submit(20);
    await allWait();
    await cluster.waitFor('the subscriber heard of them', () => ids.every((id) => events.ofJob(id).length > 0), 30_000);
    await cluster.broker.restart({ store: copy });
    await submit(5);
    await endsOnceWorkersAreBack('power cut of nats-server', owner.client());
  });

  it('with the owner of the shards: its successor does so', async () => {
    const copy = join(cluster.dir, 'store-of-before');
    await submit(10);
    await allWait();
    await cluster.broker.copyStore(copy);
    await submit(20);
    await allWait();
    // As long before its next write as can be: the watermark must not have passed what was not written.
    const cutMs = Date.now() + 9_000;
    await cluster.waitFor('the server has not written for 9 s', () => Date.now() > cutMs, 30_000);
    await owner.kill();
    await cluster.broker.restart({ store: copy });
    const next = await cluster.restartNode(owner);
    await endsOnceWorkersAreBack('power cut of nats-server and owner', next.client());
  });
});
