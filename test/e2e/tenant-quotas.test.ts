/** The quota of running jobs of a tenant, in a cluster of real processes whose owners die. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';
import { readLedger } from '../support/cluster-history.ts';

const most = 2;
let cluster: TestCluster;
let first: TestNode;
let second: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  first = await cluster.startNode('first', { threads: 4 });
  await first.client().tenants.create('default', { quotas: { runningJobs: most } });
  // The shards of a node that starts know the tenants before they serve.
  await first.kill();
  first = await cluster.restartNode(first, { threads: 4 });
  second = await cluster.startNode('second', { threads: 4 });
  troupe = first.client();
  await troupe.queues.create('other');
});
afterAll(() => cluster.stop());

it('says why a job waits beyond the quota, and what runs', async () => {
  const gate = join(cluster.dir, 'gate');
  const ledger = join(cluster.dir, 'held.ledger');
  const held = [];
  for (const queue of ['default', 'other'])
    held.push((await troupe.submit('test.hold', { gate, ledger }, { queue })).jobId);
  for (const id of held)
    await cluster.waitFor('it runs', async () => (await troupe.get(id)).state === 'RUNNING', 30_000);
  const { jobId } = await troupe.submit('test.work', { n: 1, ms: 1, ledger }, { queue: 'other' });
  await cluster.waitFor(
    'the reason is the quota',
    async () => (await troupe.get(jobId, { explain: true })).waiting?.reason === 'TENANT_QUOTA',
    30_000,
  );
  expect((await troupe.get(jobId, { explain: true })).waiting?.detail).toBe(
    'its tenant is at its quota of running jobs: 2 at a time',
  );
  expect((await troupe.tenants.own()).use.runningJobs).toBe(most);
  writeFileSync(gate, '');
  for (const id of [...held, jobId]) expect((await troupe.wait(id)).state).toBe('SUCCEEDED');
});

it('runs no more, over all queues, shards and nodes, and over the death of an owner', async () => {
  const ledger = join(cluster.dir, 'many.ledger');
  const ids: string[] = [];
  for (let n = 0; n < 40; n += 1) {
    const options = { idempotencyKey: `job-${n}`, queue: n % 2 === 0 ? 'default' : 'other' };
    ids.push((await troupe.submit('test.work', { n, ms: 100, ledger }, options)).jobId);
  }
  const started = (): number => readLedger(ledger).filter(({ what }) => what === 'start').length;
  await cluster.waitFor('some have run', () => Promise.resolve(started() > 8), 30_000);
  await second.kill();
  const killedMs = Date.now();
  second = await cluster.restartNode(second, { threads: 4 });
  for (const id of ids) expect((await troupe.wait(id)).state).toBe('SUCCEEDED');
  expect(mostAtOnce(ledger, killedMs)).toBe(most);
}, 120_000);

/** What has no end in the ledger ended with its node. */
function mostAtOnce(ledger: string, killedMs: number): number {
  const lines = readLedger(ledger);
  const runOf = ({ jobId, attempt }: (typeof lines)[number]): string => `${jobId}#${attempt}`;
  const ended = new Map(lines.flatMap((line) => (line.what === 'start' ? [] : [[runOf(line), line.atMs] as const])));
  const changes = lines
    .filter(({ what }) => what === 'start')
    .flatMap((line) => [
      { atMs: line.atMs, by: 1 },
      { atMs: ended.get(runOf(line)) ?? killedMs, by: -1 },
    ]);
  let [now, highest] = [0, 0];
  for (const { by } of changes.toSorted((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    now += by;
    highest = Math.max(highest, now);
  }
  return highest;
}
