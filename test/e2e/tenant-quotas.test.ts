/** Quotas of the jobs of a tenant, in a cluster of real processes whose owners die. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import type { TestNode } from '../support/cluster-node.ts';
import { mostAtOnce, readLedger } from '../support/cluster-history.ts';

const most = 2;
const unfinishedJobs = 45;
let cluster: TestCluster;
let first: TestNode;
let second: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  first = await cluster.startNode('first', { threads: 4 });
  await first.client().tenants.create('default', { quotas: { runningJobs: most, unfinishedJobs } });
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
  const whyOf = async () => {
    const { waiting } = await troupe.get(jobId, { explain: true });
    return waiting?.reason === 'TENANT_QUOTA' && waiting;
  };
  const { detail } = await cluster.waitFor('the reason is the quota', whyOf, 30_000);
  expect(detail).toBe('its tenant is at its quota of running jobs: 2 at a time');
  const use = async (): Promise<number> => (await troupe.tenants.own()).use.runningJobs;
  await cluster.waitFor('the use is told', async () => (await use()) === most, 30_000);
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
  const killedMs = Date.now();
  await second.kill();
  second = await cluster.restartNode(second, { threads: 4 });
  for (const id of ids) expect((await troupe.wait(id)).state).toBe('SUCCEEDED');
  expect(mostAtOnce(readLedger(ledger), killedMs)).toBe(most);
}, 120_000);

it('accepts no more than may be unfinished, and answers repeats, over the death of an owner', async () => {
  await troupe.queues.create('full');
  await troupe.queues.pause('full');
  const inputOf = (n: number) => ({ n, ms: 1, ledger: join(cluster.dir, 'full.ledger') });
  const drafts = Array.from({ length: 60 }, (_, n) => {
    return { handler: 'test.work', input: inputOf(n), queue: 'full', idempotencyKey: `full-${n}` };
  });
  const caller = first.client({ retry: { maxAttempts: 1 } });
  const kept = new Map<number, string>();
  // A shard that moves to the node that has just come back refuses its jobs, and they leave their places to others.
  const areKept = async (): Promise<boolean> => {
    const missing = drafts.map((draft, n) => ({ draft, n })).filter(({ n }) => !kept.has(n));
    const outcomes = await caller.submitMany(missing.map(({ draft }) => draft));
    for (const [at, { n }] of missing.entries()) {
      const outcome = outcomes[at];
      if (outcome !== undefined && 'ok' in outcome) kept.set(n, outcome.ok.jobId);
    }
    return kept.size >= unfinishedJobs;
  };
  await cluster.waitFor('the room is taken', areKept, 30_000);
  expect(kept.size).toBe(unfinishedJobs);
  await second.kill();
  // From then on no shard moves, so each of them answers.
  const use = async (): Promise<number> => (await troupe.tenants.own()).use.unfinishedJobs;
  await cluster.waitFor('every shard has an owner again', async () => (await use()) === unfinishedJobs, 30_000);
  for (const [n, jobId] of [...kept].slice(0, 10)) {
    const repeated = await troupe.submit('test.work', inputOf(n), { queue: 'full', idempotencyKey: `full-${n}` });
    expect(repeated).toMatchObject({ jobId, duplicate: true });
  }
  await expect(caller.submit('test.work', inputOf(0), { queue: 'full' })).rejects.toMatchObject({
    code: 'QUOTA_EXCEEDED',
    metadata: { quota: 'unfinishedJobs', limit: '45', used: '45' },
  });
}, 120_000);
