// Nodes join and leave under load; roles split across processes; a node that nobody heard of comes back.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { type NodeOptions, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { type Execution, History, readLedger } from '../support/cluster-history.ts';
import { type Load, startLoad } from '../support/cluster-load.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';

const shardCount = 16;
let cluster: TestCluster;
let history: History;
let ledger: string;

beforeEach(async () => {
  cluster = await startCluster({ settings: { 'shards.count': shardCount } });
  history = new History();
  ledger = join(cluster.dir, 'runs.ledger');
});
afterEach(async () => {
  await cluster.stop();
});

const start = (name: string, weight: number, more: NodeOptions = {}): Promise<TestNode> =>
  cluster.startNode(name, { ...more, settings: { 'shards.weight': weight, ...more.settings } });

function owners(): readonly (string | undefined)[] {
  return Array.from({ length: shardCount }, (_, shard) => cluster.ownerOf(shard)?.node.name);
}
const owned = (node: TestNode): number => owners().filter((name) => name === node.name).length;

function busy(clients: readonly TroupeClient[]): Load {
  const draft = (n: number) => ({ handler: 'test.work', input: { n, ms: 2, ledger } });
  return startLoad({ clients, history, lanes: 4, gapMs: 10, watchEvery: 10, draft });
}

async function settled(load: Load, reader: TroupeClient): Promise<void> {
  await load.stop();
  const jobs = await load.settle([reader], 40_000);
  for (const [id, key] of history.acked) {
    if (key.startsWith('held-')) history.saw('final', await reader.wait(id, { signal: AbortSignal.timeout(20_000) }));
  }
  expect([load.surprises, jobs.filter(({ state }) => state !== 'SUCCEEDED')]).toEqual([[], []]);
  expect(history.check({ executions: readLedger(ledger) })).toEqual([]);
}

interface Held {
  readonly job: JobInfo;
  /** Lets it end. */
  open(): void;
}

/** A job that holds a thread of `node`: more are submitted until one does, the others may end. */
async function heldOn(node: TestNode, troupe: TroupeClient): Promise<Held> {
  for (let n = 0; n < 20; n += 1) {
    const gate = join(cluster.dir, `${n}.gate`);
    const open = (): void => writeFileSync(gate, '');
    const { jobId } = await troupe.submit('test.hold', { gate, ledger });
    history.accepted(jobId, `held-${n}`);
    const job = await cluster.waitFor(
      'its run is seen',
      async () => {
        const seen = await troupe.get(jobId);
        return seen.run !== undefined && readLedger(ledger).some((run) => run.jobId === jobId) && seen;
      },
      30_000,
    );
    if (job.run?.node === node.name) return { job, open };
    open();
  }
  throw new Error(`no job ran on ${node.name}`);
}

/** Its first start after that attempt: one that waited too long for a thread is given back, and has a number as well. */
function startedAfter({ id, attempt }: JobInfo): Execution | undefined {
  return readLedger(ledger).find((run) => run.jobId === id && run.attempt > attempt && run.what === 'start');
}

describe('under load', () => {
  it('a join moves only its share, by weight; a leave gives it back; no caller sees an error', async () => {
    const a = await start('a', 1);
    await cluster.waitFor('a owns all', () => owned(a) === shardCount, 30_000);
    const load = busy([a.client()]);
    await cluster.waitFor('work is under way', () => load.accepted > 30, 30_000);
    const changes: string[] = [];
    let b = a;
    let c = a;
    const takenAtMs = (): number[] =>
      [...new Set([a, b, c])]
        .flatMap(({ lines }) => lines.filter(({ event }) => event === 'shard.taken'))
        .map(({ text }) => Date.parse((JSON.parse(text) as { time: string }).time));
    async function change(what: string, act: () => Promise<unknown>, done: () => boolean): Promise<number> {
      const before = owners();
      const accepted = load.accepted;
      const seen = new Set(takenAtMs());
      await act();
      await cluster.waitFor(`${what}: shards have moved`, done, 30_000);
      const taken = takenAtMs().filter((atMs) => !seen.has(atMs));
      const tookMs = Math.max(...taken) - Math.min(...taken);
      await cluster.waitFor('work goes on', () => load.accepted > accepted + 20, 30_000);
      const moved = owners().filter((name, shard) => name !== before[shard]).length;
      changes.push(`${what}: ${moved} of ${shardCount} shards in ${tookMs} ms`);
      return moved;
    }
    const joined = await change(
      'join of one equal',
      async () => (b = await start('b', 1)),
      () => b !== a && owned(b) === 8,
    );
    expect(joined).toBeLessThanOrEqual(8 + 1);
    const heavier = await change(
      'join of one twice as heavy',
      async () => (c = await start('c', 2)),
      () => c !== a && owned(c) === 8,
    );
    expect([heavier, owned(a), owned(b)]).toEqual([8, 4, 4]);
    const left = await change(
      'leave of it',
      () => c.stop(),
      () => owned(a) === 8 && owned(b) === 8,
    );
    expect(left).toBe(8);
    process.stderr.write(`measured: ${changes.join('; ')}; refusals ${JSON.stringify([...load.refusals])}\n`);
    await settled(load, a.client());
    expect([...load.refusals]).toEqual([]);
  });

  it('roles split across processes: a drained worker hands back what runs, uncounted, and it runs elsewhere within 2 s', async () => {
    const role = (name: string, one: 'gateway' | 'shards' | 'workers', more: NodeOptions = {}): Promise<TestNode> =>
      start(name, 1, { roles: [one], ...more });
    const shards = [await role('s1', 'shards'), await role('s2', 'shards')];
    const one = await role('w1', 'workers', { settings: { 'shutdown.graceMs': 500, 'workers.cancelGraceMs': 500 } });
    await role('w2', 'workers', { threads: 4 });
    const gateway = await role('g', 'gateway');
    const troupe = gateway.client();
    await cluster.waitFor('shards are split', () => shards.every((node) => owned(node) === shardCount / 2), 30_000);
    const load = busy([troupe]);
    const { job: held, open } = await heldOn(one, troupe);
    const stopAtMs = Date.now();
    expect(await one.stop()).toBe(0);
    const again = await cluster.waitFor('it runs elsewhere', () => startedAfter(held), 30_000);
    const [first, second] = shards;
    expect(await second?.stop()).toBe(0);
    await cluster.waitFor('one owns all', () => first !== undefined && owned(first) === shardCount, 30_000);
    const before = load.accepted;
    await cluster.waitFor('work goes on', () => load.accepted > before + 20, 30_000);
    open();
    const job = await troupe.wait(held.id, { signal: AbortSignal.timeout(20_000) });
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: again.attempt, failures: 0, losses: 1 });
    process.stderr.write(
      `measured: drain: a run cut off after 500 ms of grace runs elsewhere ${again.atMs - stopAtMs} ms after SIGTERM\n`,
    );
    await settled(load, troupe);
  });

  it('a worker that stalls past its lease records nothing afterwards', async () => {
    const home = await start('home', 1, { roles: ['gateway', 'shards'] });
    const zombie = await start('zombie', 1, { roles: ['workers'] });
    const troupe = home.client();
    const { job: held, open } = await heldOn(zombie, troupe);
    zombie.freeze();
    const frozenAtMs = Date.now();
    const other = await start('other', 1, { roles: ['workers'] });
    const again = await cluster.waitFor('it runs elsewhere', () => startedAfter(held), 30_000);
    open();
    const ended = await troupe.wait(held.id, { signal: AbortSignal.timeout(20_000) });
    expect(ended).toMatchObject({ state: 'SUCCEEDED', attempt: again.attempt, failures: 0, losses: 1 });
    zombie.thaw();
    // Its run goes to its end, or is told to stop: either way its word comes too late.
    await cluster.waitFor(
      'the stale run has ended',
      () =>
        readLedger(ledger).some(
          ({ jobId, attempt, what }) => jobId === held.id && attempt === held.attempt && what !== 'start',
        ),
      30_000,
    );
    await cluster.waitFor('it is told', () => zombie.lines.some(({ event }) => event === 'node.rejoined'), 30_000);
    process.stderr.write(`measured: worker stopped: its run runs elsewhere after ${again.atMs - frozenAtMs} ms\n`);
    expect(await other.stop()).toBe(0);
    // It serves again, as a new incarnation.
    const { jobId } = await troupe.submit('test.echo', 'again');
    expect(await troupe.wait(jobId, { signal: AbortSignal.timeout(20_000) })).toMatchObject({
      state: 'SUCCEEDED',
      attempt: 1,
    });
    expect(await troupe.get(held.id)).toMatchObject({
      state: 'SUCCEEDED',
      seq: ended.seq,
      attempt: ended.attempt,
      losses: 1,
    });
  });
});

describe('a node cut off from NATS for longer than its lease', () => {
  it.each(['late', 'never'])(
    'loses its shards and its runs, uncounted, and rejoins by itself; what it said meanwhile arrives %s',
    async (arrives) => {
      const proxy = await startFaultProxy(`127.0.0.1:${cluster.broker.port}`);
      const home = await start('home', 1, { threads: 4 });
      const away = await start('away', 1, { nats: proxy.address });
      const troupe = home.client();
      await cluster.waitFor('shards are split', () => owned(home) === 8 && owned(away) === 8, 30_000);
      const { job: held, open } = await heldOn(away, troupe);
      const load = busy([troupe]);
      await cluster.waitFor('work is under way', () => load.accepted > 30, 30_000);
      proxy.hold('to-server');
      proxy.hold('to-client');
      const cutAtMs = Date.now();
      await cluster.waitFor('its shards have moved', () => owned(home) === shardCount, 30_000);
      const movedMs = Date.now() - cutAtMs;
      const again = await cluster.waitFor('its run runs elsewhere', () => startedAfter(held), 30_000);
      open();
      const ended = await troupe.wait(held.id, { signal: AbortSignal.timeout(20_000) });
      expect(ended).toMatchObject({ state: 'SUCCEEDED', attempt: again.attempt, failures: 0, losses: 1 });
      if (arrives === 'late') proxy.release();
      else proxy.drop();
      await cluster.waitFor('it rejoins', () => away.lines.some(({ event }) => event === 'node.rejoined'), 30_000);
      await cluster.waitFor('it has its share again', () => owned(away) === 8, 30_000);
      process.stderr.write(
        `measured: cut off: shards answer elsewhere after ${movedMs} ms, runs after ${again.atMs - cutAtMs} ms\n`,
      );
      await settled(load, troupe);
      expect(await away.client().get(held.id)).toMatchObject({ seq: ended.seq, attempt: ended.attempt });
      await proxy.close();
    },
  );
});

describe('two processes of one name', () => {
  it('the older one ends, and says why', async () => {
    const former = await start('a', 1);
    const later = await start('a', 1);
    expect((await former.exited).code).not.toBe(0);
    expect(former.lines.some(({ event }) => event === 'node.replaced')).toBe(true);
    const troupe = later.client();
    const { jobId } = await troupe.submit('test.echo', 1);
    expect((await troupe.wait(jobId, { signal: AbortSignal.timeout(20_000) })).state).toBe('SUCCEEDED');
  });
});
