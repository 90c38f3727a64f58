// What an autoscaler is told of real workers: a gateway, a node with the shards, workers of two classes, and KEDA's contract.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { checkpointHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { type KubernetesApi, startKubernetesApi } from '../support/kubernetes-api.ts';
import { Keda, type Metadata } from '../support/keda.ts';

const general = { workerClass: 'general', slotsPerPod: '2' };
const other = { workerClass: 'other', slotsPerPod: '1' };
const withinMs = 20_000;

let cluster: TestCluster;
let troupe: TroupeClient;
let keda: Keda;
let keeper: TestNode;
let api: KubernetesApi;

beforeAll(async () => {
  cluster = await startCluster({ settings: { 'workers.lookaheadMs': 0 } });
  keeper = await cluster.startNode('keeper', { roles: ['shards'] });
  const scaler = { 'scaler.enabled': true, 'scaler.port': 0 };
  const edge = await cluster.startNode('edge', { roles: ['gateway'], settings: scaler });
  const started = await cluster.waitFor(
    'the scaler listens',
    () => edge.lines.find(({ event }) => event === 'scaler.started'),
    withinMs,
  );
  const { port } = JSON.parse(started.text) as { readonly port: number };
  keda = new Keda(`127.0.0.1:${port}`);
  api = await startKubernetesApi();
  const pod = {
    'kubernetes.podDeletionCost': true,
    'kubernetes.podName': 'g1',
    'kubernetes.podNamespace': 'troupe',
    'kubernetes.apiUrl': api.url,
    'kubernetes.caPath': api.caPath,
    'kubernetes.tokenPath': api.tokenPath,
  };
  await cluster.startNode('g1', { roles: ['workers'], threads: 2, settings: { 'workers.class': 'general', ...pod } });
  await cluster.startNode('o1', {
    roles: ['workers'],
    threads: 1,
    handlerDirs: [checkpointHandlersDir],
    settings: { 'workers.class': 'other' },
  });
  troupe = edge.client();
});
afterAll(async () => {
  keda.close();
  await cluster.stop();
  await api.close();
});

async function hold(name: string, jobs: number, queue = 'default') {
  const gate = join(cluster.dir, `${name}.gate`);
  const input = { gate, ledger: join(cluster.dir, `${name}.ledger`) };
  const held = await Promise.all(Array.from({ length: jobs }, () => troupe.submit('test.hold', input, { queue })));
  return {
    async open() {
      writeFileSync(gate, '');
      for (const { jobId } of held) await troupe.wait(jobId);
    },
  };
}

const runningNow = async (queue = 'default'): Promise<number> => (await troupe.queues.stats(queue)).running;
/** An answer may be a second old, so each number is waited for. */
const demandIs = (slots: number, metadata: Metadata = general): Promise<unknown> =>
  cluster.waitFor(
    `${metadata['workerClass'] ?? ''} wants ${slots}`,
    async () => (await keda.demand(metadata)) === slots,
    withinMs,
  );

it('shows the class of each node that works', async () => {
  const nodes = await troupe.cluster.nodes();
  expect(new Map(nodes.map(({ id, workerClass }) => [id, workerClass]))).toEqual(
    new Map([
      ['keeper', undefined],
      ['edge', undefined],
      ['g1', 'general'],
      ['o1', 'other'],
    ]),
  );
});

it('wants nothing while there is nothing to do', async () => {
  expect(await keda.isActive(general)).toBe(false);
  expect(await keda.demand(general)).toBe(0);
});

it('wants a slot for each job that waits or runs, of the class that can run it, and pushes that there is work', async () => {
  const { seen, cancel } = keda.stream(general);
  const held = await hold('five', 5);
  await cluster.waitFor('both threads are taken', async () => (await runningNow()) === 2, withinMs);
  await demandIs(5);
  expect(await keda.isActive(general)).toBe(true);
  await cluster.waitFor('the push', () => seen.at(-1), withinMs);
  // Its live nodes have no such handler.
  await demandIs(0, other);
  // A class without nodes counts what it is said to run, or else everything; what runs on other nodes it leaves to them.
  const empty = { workerClass: 'empty', slotsPerPod: '1' };
  await demandIs(3, empty);
  await demandIs(3, { ...empty, handlers: 'test.hold' });
  await demandIs(0, { ...empty, handlers: 'test.steps' });
  await held.open();
  await demandIs(0);
  await cluster.waitFor('the other push', () => seen.at(-1) === false, withinMs);
  cancel();
});

it('wants the slots of busy nodes although no message waits, and tells Kubernetes which pod is busy', async () => {
  const held = await hold('two', 2);
  await cluster.waitFor('both run', async () => (await runningNow()) === 2, withinMs);
  await demandIs(2);
  expect((await troupe.queues.stats('default')).waiting).toBe(0);
  await cluster.waitFor('the pod costs as much as it can', () => api.costs().at(-1) === '100', withinMs);
  await held.open();
  await demandIs(0);
  await cluster.waitFor('the pod costs nothing', () => api.costs().at(-1) === '0', withinMs);
});

it('wants no more than the limits of a queue let run', async () => {
  await troupe.queues.create('narrow', { flow: { maxRunning: 1 } });
  const held = await hold('narrow', 4, 'narrow');
  await cluster.waitFor('one runs', async () => (await runningNow('narrow')) === 1, withinMs);
  await demandIs(1);
  await demandIs(1, { ...general, queues: 'narrow' });
  const { version } = await troupe.queues.get('narrow');
  await troupe.queues.update('narrow', version, { flow: { paused: true } });
  await demandIs(1);
  await troupe.queues.update('narrow', version + 1, { flow: { paused: false, maxRunning: null } });
  await demandIs(4);
  // What runs is counted wherever it came from; what waits, only in the queues that are named.
  await cluster.waitFor('both threads are taken', async () => (await runningNow('narrow')) === 2, withinMs);
  await demandIs(2, { ...general, queues: 'default' });
  await held.open();
  await demandIs(0);
});

it('goes on with what it knew while the shards have no owner', async () => {
  const held = await hold('taken', 3);
  await demandIs(3);
  await keeper.kill();
  const until = performance.now() + 3_000;
  while (performance.now() < until) expect(await keda.demand(general)).toBe(3);
  keeper = await cluster.restartNode(keeper);
  await held.open();
  await demandIs(0);
});
