// Two nodes on one store: one is killed, or stalls past its lease, while both are busy.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jobIdParts, parseJobId } from '../../src/domain/job-id.ts';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { type EventSubscriber, subscribeDurable } from '../support/cluster-events.ts';
import { openStoreView } from '../support/fault-store.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { type Load, startLoad } from '../support/cluster-load.ts';
import { isRunning } from '../support/cluster-node.ts';

const shards = [0, 1, 2, 3];
const takeOverMaxMs = 15_000;
const runAgainMaxMs = 20_000;

let cluster: TestCluster;
let nodes: { readonly a: TestNode; readonly b: TestNode };
let events: EventSubscriber;
let history: History;
let ledger: string;
let gate: string;

beforeEach(async () => {
  cluster = await startCluster();
  const a = await cluster.startNode('a');
  nodes = { a, b: await cluster.startNode('b') };
  events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
  history = new History();
  ledger = join(cluster.dir, 'runs.ledger');
  gate = join(cluster.dir, 'open.gate');
  await cluster.waitFor('both own shards', () => owned(a).length > 0 && owned(nodes.b).length > 0, 30_000);
});
afterEach(async () => {
  await events.close();
  await cluster.stop();
});

function owned(node: TestNode): readonly number[] {
  return shards.filter((shard) => cluster.ownerOf(shard)?.node === node);
}

function shardOf(jobId: string): number {
  const id = parseJobId(jobId);
  if (id === undefined) throw new Error(`${jobId} is no job id`);
  return jobIdParts(id).shard;
}

/** Short work all the time, submitted through `clients` in turn. */
function busy(clients: readonly TroupeClient[]): Load {
  return startLoad({
    clients,
    history,
    lanes: 4,
    gapMs: 30,
    watchEvery: 5,
    draft: (n) => ({ handler: 'test.work', input: { n, ms: 5, ledger } }),
  });
}

/** Keys whose jobs lie in shards of this node: the first four bytes of the key's hash choose the shard. */
function* keysOn(node: TestNode): Generator<string, never> {
  const wanted = owned(node);
  for (let n = 0; ; n += 1) {
    const digest = createHash('sha256').update(`default\0held-${n}`).digest();
    if (wanted.includes(digest.readUInt32BE(0) % shards.length)) yield `held-${n}`;
  }
}

/**
 * The worst case for whoever takes over: the node that runs the job owns its shard, too.
 * Jobs that hold a thread, one after the other until one of them runs on `node`; one thread stays free.
 */
async function holdThreads(client: TroupeClient, node: TestNode): Promise<readonly JobInfo[]> {
  const keys = keysOn(node);
  for (let n = 0; n < 3; n += 1) {
    const idempotencyKey = keys.next().value;
    const { jobId } = await client.submit('test.hold', { gate, ledger }, { idempotencyKey });
    history.accepted(jobId, idempotencyKey);
    expect(owned(node)).toContain(shardOf(jobId));
    await cluster.waitFor('it has started', () => readLedger(ledger).some((run) => run.jobId === jobId), 30_000);
    // Readers see the run once the grant is durable, a moment after the start.
    let job = await client.get(jobId);
    await cluster.waitFor('its run is seen', async () => (job = await client.get(jobId)).run !== undefined, 30_000);
    if (job.run?.node === node.name) return [job];
  }
  throw new Error(`no job ran on ${node.name}`);
}

/** A job that waits for its time, in each of these shards. */
async function oneInEach(client: TroupeClient, wanted: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (let n = 0; found.size < wanted.length; n += 1) {
    const key = `later-${n}`;
    const { jobId } = await client.submit('test.echo', n, {
      idempotencyKey: key,
      runAt: new Date(Date.now() + 3_600_000),
    });
    history.accepted(jobId, key);
    const shard = shardOf(jobId);
    if (wanted.includes(shard) && !found.has(shard)) found.set(shard, jobId);
    else history.saw('final', await client.cancel(jobId));
  }
  return found;
}

/**
 * A process that is stopped in the middle of a commit keeps the lock of the shared file, and nobody else can commit until
 * it goes on or dies: a limit of the embedded store, named in docs/operating/failure-modes.md. Here it is stopped outside.
 */
async function freezeBetweenCommits(node: TestNode): Promise<void> {
  const view = openStoreView(cluster.sqlitePath);
  await cluster.waitFor(
    `${node.name} is stopped outside of a commit`,
    () => {
      node.freeze();
      if (!view.isLocked()) return true;
      node.thaw();
      return false;
    },
    30_000,
  );
  view.close();
}

/** Until a decision about this job is made durable: its shard has an owner that serves. */
async function untilServed(client: TroupeClient, jobId: string): Promise<void> {
  const cancelled = await cluster.waitFor('the shard decides', () => client.cancel(jobId), 40_000);
  history.saw('final', cancelled);
}

async function settle(load: Load, readers: readonly TroupeClient[], held: readonly string[]): Promise<void> {
  await load.stop();
  const [reader] = readers;
  for (const id of held) {
    const job = await (reader as TroupeClient).wait(id, { signal: AbortSignal.timeout(30_000) });
    history.saw('final', job);
    expect(job.state).toBe('SUCCEEDED');
  }
  const jobs = await load.settle(readers, 40_000);
  expect(jobs.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
  expect(load.surprises).toEqual([]);
  await cluster.waitFor(
    'every last event',
    () =>
      [...history.acked.keys()].every((id) => events.ofJob(id).some(({ type }) => /succeeded|cancelled/.test(type))),
    30_000,
  );
  expect(history.check({ events: events.events })).toEqual([]);
}

const heldKeys = (): readonly string[] =>
  [...history.acked].filter(([, key]) => key.startsWith('held-')).map(([id]) => id);

describe('of two nodes', () => {
  it('one is killed: the other answers for its shards within 15 s, its runs run again within 20 s, nothing is lost', async () => {
    const { a, b } = nodes;
    const survivor = b.client({ retry: { maxAttempts: 1 } });
    const lost = await holdThreads(survivor, a);
    const load = busy([b.client(), a.client({ retry: { maxAttempts: 1 } })]);
    const later = await oneInEach(survivor, owned(a));
    const cells = a.children();
    const diedMs = performance.now();
    const diedAtMs = Date.now();
    await a.kill();

    await Promise.all([...later.values()].map((id) => untilServed(survivor, id)));
    const takeOverMs = performance.now() - diedMs;
    await cluster.waitFor(
      'the lost runs run again',
      () => {
        const again = readLedger(ledger).filter(({ what, atMs }) => what === 'start' && atMs > diedAtMs);
        return lost.every(({ id }) => again.some(({ jobId }) => jobId === id));
      },
      40_000,
    );
    const runAgainMs = performance.now() - diedMs;
    process.stderr.write(`measured: recovery ${Math.round(takeOverMs)} ms, runs again ${Math.round(runAgainMs)} ms\n`);
    expect(cells.filter(isRunning)).toEqual([]);
    writeFileSync(gate, '');
    await settle(load, [survivor], heldKeys());
    expect(takeOverMs).toBeLessThan(takeOverMaxMs);
    expect(runAgainMs).toBeLessThan(runAgainMaxMs);
    for (const { id } of lost) expect(await survivor.get(id)).toMatchObject({ attempt: 2, failures: 0, losses: 1 });
  });

  it('one stalls past its lease: it records nothing afterwards, learns that it is deposed, and serves again', async () => {
    const { a, b } = nodes;
    const survivor = b.client({ retry: { maxAttempts: 1 } });
    const stale = await holdThreads(survivor, a);
    const load = busy([b.client()]);
    const former = owned(a);
    const later = await oneInEach(survivor, former);
    await freezeBetweenCommits(a);
    await Promise.all([...later.values()].map((id) => untilServed(survivor, id)));
    // An answer may be here before the line in the log.
    const isOwnedByB = (): boolean => former.every((shard) => cluster.ownerOf(shard)?.node === b);
    await cluster.waitFor('the log names the new owner', isOwnedByB, 30_000);
    const epochs = new Map(shards.map((shard) => [shard, cluster.ownerOf(shard)?.epoch ?? 0]));
    // What ran on the stalled node runs again and ends, while its first attempt still believes that it holds the job.
    writeFileSync(gate, '');
    const ended = await Promise.all(stale.map(({ id }) => survivor.wait(id, { signal: AbortSignal.timeout(40_000) })));
    for (const job of ended) expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 2, losses: 1 });

    const attemptsBefore = readLedger(ledger).filter(({ what }) => what === 'end').length;
    a.thaw();
    await cluster.waitFor(
      'the stale attempts have ended on the stalled node',
      () => {
        const ends = readLedger(ledger).filter(({ what, attempt }) => attempt === 1 && what !== 'start');
        return stale.every(({ id }) => ends.some(({ jobId }) => jobId === id));
      },
      30_000,
    );
    expect(readLedger(ledger).length).toBeGreaterThan(attemptsBefore);
    // It was taken for dead: it is back as a new incarnation, gets its share of the shards under new epochs, and serves it.
    await cluster.waitFor(
      'it owns its share again',
      () => owned(a).filter((shard) => (cluster.ownerOf(shard)?.epoch ?? 0) > (epochs.get(shard) ?? 0)).length === 2,
      30_000,
    );
    expect(a.lines.filter(({ event }) => event === 'node.rejoined')).toHaveLength(1);
    await settle(load, [survivor, a.client()], heldKeys());
    for (const [at, { id }] of stale.entries())
      expect(await a.client().get(id)).toMatchObject({ seq: ended[at]?.seq, attempt: 2 });
  });

  it('one is stopped in order: its shards and runs move without a failure that a caller sees', async () => {
    const { a, b } = nodes;
    const survivor = b.client();
    const load = busy([survivor]);
    await cluster.waitFor('work is under way', () => load.accepted > 30, 30_000);
    const stopMs = performance.now();
    expect(await a.stop()).toBe(0);
    const tookMs = performance.now() - stopMs;
    const before = load.accepted;
    await cluster.waitFor('work goes on', () => load.accepted > before + 30, 30_000);
    await settle(load, [survivor], []);
    process.stderr.write(
      `measured: orderly stop ${Math.round(tookMs)} ms, refusals ${JSON.stringify([...load.refusals])}\n`,
    );
  });
});
