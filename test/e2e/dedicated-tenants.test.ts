/** A tenant that does not trust the others runs on nodes of its own, in a cluster of real processes. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';

let cluster: TestCluster;
let shared: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  shared = await cluster.startNode('shared');
  await shared.client().tenants.create('default', { dedicated: true });
  // The shards of a node that starts know the tenants before they serve.
  await shared.kill();
  shared = await cluster.restartNode(shared);
  troupe = shared.client();
});
afterAll(() => cluster.stop());

const submit = async (n: number): Promise<string> => {
  const input = { n, ms: 1, ledger: join(cluster.dir, 'dedicated.ledger') };
  return (await troupe.submit('test.work', input, { idempotencyKey: `job-${n}` })).jobId;
};

async function nodesOf(ids: readonly string[]): Promise<ReadonlySet<string | undefined>> {
  const nodes = new Set<string | undefined>();
  for (const id of ids) {
    await troupe.wait(id);
    const { state, history } = await troupe.get(id);
    expect(state).toBe('SUCCEEDED');
    for (const { type, node } of history) if (type === 'started') nodes.add(node);
  }
  return nodes;
}

it('starts jobs of a dedicated tenant on the node that names it, and until that is there says why they wait', async () => {
  const first = await submit(0);
  const waiting = (await troupe.get(first, { explain: true })).waiting;
  expect(waiting).toMatchObject({
    reason: 'NO_NODE_TAKES_TENANT',
    detail: 'no live node takes jobs of tenant default',
  });
  // Announced once the node is ready, so it is there for all jobs from then on.
  await cluster.startNode('own', { settings: { 'workers.tenants': 'default' } });
  const ids = [first];
  for (let n = 1; n < 40; n += 1) ids.push(await submit(n));
  expect(await nodesOf(ids)).toEqual(new Set(['own']));
});

it('starts them everywhere again once it is not dedicated any more', async () => {
  const { etag } = await troupe.tenants.get('default');
  await troupe.tenants.update('default', etag, { dedicated: false });
  let n = 100;
  await cluster.waitFor(
    'the other node runs one',
    async () => {
      const ids = await Promise.all(Array.from({ length: 10 }, () => submit((n += 1))));
      return (await nodesOf(ids)).has('shared');
    },
    30_000,
  );
});
