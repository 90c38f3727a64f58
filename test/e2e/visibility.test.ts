/**
 * A cluster seen and steered from outside: two nodes as processes of their own, one NATS, the command line of a user and
 * the client of a program. What is shown is compared with what was done.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { signalPid } from '../support/cluster-node.ts';
import { stopProcess } from '../support/stopped-process.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';

const token = 'the-token-of-the-operator';
const withinMs = 30_000;

let cluster: TestCluster;
let north: TestNode;
let south: TestNode;
let client: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster({ settings: { 'gateway.operatorToken': token } });
  [north, south] = await Promise.all([cluster.startNode('north'), cluster.startNode('south')]);
  client = north.client({ token });
  await cluster.waitFor('both nodes are seen', async () => (await client.cluster.nodes()).length === 2, withinMs);
});
afterAll(async () => {
  await cluster.stop();
});

async function troupe(...args: readonly string[]) {
  const terminal = recordedTerminal();
  const code = await runCli([...args, '--address', north.address ?? ''], { terminal });
  return { code, ...terminal.written };
}

function documents(out: string): Record<string, unknown>[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function allLive() {
  const nodes = await client.cluster.nodes();
  return nodes.every(({ state }) => state === 'live') && nodes;
}

interface Held {
  readonly jobId: string;
  readonly open: () => void;
}

/** A job that runs until it is let go. */
async function hold(name: string): Promise<Held> {
  const gate = join(cluster.dir, `gate-${name}`);
  const ledger = join(cluster.dir, `ledger-${name}`);
  const { jobId } = await client.submit('test.hold', { gate, ledger });
  // RUNNING is also what a node has taken ahead, and may give back.
  const runs = async (): Promise<boolean> => existsSync(ledger) && (await client.get(jobId)).state === 'RUNNING';
  await cluster.waitFor('it runs', runs, withinMs);
  return { jobId, open: () => writeFileSync(gate, '') };
}

describe('what is shown', () => {
  it('nodes and shards, with their owners', async () => {
    // One that has just started may not answer in time.
    const nodes = await cluster.waitFor('both answer', allLive, withinMs);
    expect(nodes.map(({ id, state, slotsTotal }) => [id, state, slotsTotal])).toEqual([
      ['north', 'live', 2],
      ['south', 'live', 2],
    ]);
    expect(nodes[0]?.handlers.map(({ name }) => name)).toContain('test.hold');
    expect(nodes[0]?.rssBytes).toBeGreaterThan(20 * 1_048_576);
    await cluster.waitFor(
      'every shard has an owner',
      async () => (await client.cluster.shards()).shards.every(({ state }) => state === 'owned'),
      withinMs,
    );
    const { shards } = await client.cluster.shards();
    expect(shards.map(({ number }) => number)).toEqual([0, 1, 2, 3]);
    for (const { node, epoch, leaseAgeMs } of shards) {
      expect(['north', 'south']).toContain(node);
      expect(epoch).toBeGreaterThan(0);
      expect(leaseAgeMs).toBeLessThan(6_000);
    }
    const printed = await troupe('shards');
    expect(printed.code).toBe(0);
    expect(printed.out).toMatch(/^0 +owned +(north|south)/m);
  });

  it('a run, in the tree of its node, with its thread and its progress; gone when it has ended', async () => {
    const { jobId, open } = await hold('seen');
    const runOf = async () => (await client.cluster.tree()).actors.find(({ run }) => run?.jobId === jobId);
    const row = await cluster.waitFor(
      'its thread has told how far it is',
      async () => {
        const seen = await runOf();
        return seen?.run?.pulseAt !== undefined && seen.run.progress > 0 && seen;
      },
      withinMs,
    );
    expect(row).toMatchObject({
      kind: 'run',
      state: 'running',
      run: { handler: 'test.hold', attempt: 1, progress: 0.5 },
    });
    expect(row.node).toBe((await client.get(jobId)).run?.node);
    expect(row.run?.deadline?.getTime()).toBeGreaterThan(Date.now());
    const cell = (await client.cluster.tree({ node: row.node })).actors.find(({ kind }) => kind === 'cell');
    expect(cell?.cell).toMatchObject({ pid: row.run?.cellPid, threads: 2, leaked: 0 });
    const shown = await troupe('ps', '--once', '--node', row.node);
    expect(shown.out).toMatch(new RegExp(`run:${jobId}#1 +running .*50% +test\\.hold +waits at the gate +thread \\d+`));
    const tree = await troupe('tree');
    expect(tree.out).toMatch(/^north +running/m);
    expect(tree.out).toMatch(new RegExp(`├─ run:${jobId}#1 +running|└─ run:${jobId}#1 +running`));
    open();
    await client.wait(jobId);
    await cluster.waitFor('its row is gone', async () => (await runOf()) === undefined, withinMs);
  });

  it('the tree as it changes: a run comes and goes in a watch', async () => {
    const stop = new AbortController();
    const seen: boolean[] = [];
    let jobId = '';
    const watching = (async () => {
      for await (const { actors } of client.cluster.watchTree({ intervalMs: 250, signal: stop.signal })) {
        expect(new Set(actors.map(({ node, path }) => `${node} ${path}`)).size).toBe(actors.length);
        seen.push(actors.some(({ run }) => run?.jobId === jobId && jobId !== ''));
      }
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    await cluster.waitFor('the snapshot has come', () => seen.length > 0, withinMs);
    const held = await hold('watched');
    ({ jobId } = held);
    await cluster.waitFor('the run was told', () => seen.at(-1) === true, withinMs);
    held.open();
    await cluster.waitFor('its end was told', () => seen.at(-1) === false, withinMs);
    stop.abort();
    await watching;
  });

  it('one actor, on each node that has it', async () => {
    const reports = await client.cluster.inspect('/node/membership');
    expect(reports.map(({ actor }) => [actor.node, actor.kind])).toEqual([
      ['north', 'membership'],
      ['south', 'membership'],
    ]);
    expect(reports[0]?.events.map(({ type }) => type)).toContain('started');
    const one = await troupe('inspect', '/node/shards', '--node', 'south');
    expect(one.out).toMatch(/^node +south$/m);
    expect(one.out).toContain('/node/shards/shard:');
  });

  it('a node that is stopped is silent, and keeps no answer from coming', async () => {
    await stopProcess(south.pid);
    try {
      // All at once: while it stands still it is a member for some seconds only.
      const [nodes, { actors }, { silentNodes }] = await Promise.all([
        client.cluster.nodes(),
        client.cluster.tree(),
        client.cluster.deadLetters(),
      ]);
      expect(nodes.map(({ id, state }) => [id, state])).toEqual([
        ['north', 'live'],
        ['south', 'silent'],
      ]);
      expect(actors.filter(({ node }) => node === 'south')).toMatchObject([{ path: '/', state: 'silent' }]);
      expect(silentNodes).toEqual(['south']);
    } finally {
      signalPid(south.pid, 'SIGCONT');
    }
    await cluster.waitFor('it answers again', allLive, withinMs);
  });
});

describe('a profile', () => {
  it('of a running job is a file that names its code', async () => {
    const clock = join(cluster.dir, 'clock');
    const { jobId } = await client.submit('test.spin', { clock });
    await cluster.waitFor('it spins', () => readFileSync(clock, 'utf8') !== '', withinMs);
    const path = join(cluster.dir, 'spin.cpuprofile');
    const profiled = async (): Promise<boolean> => {
      const { code, err } = await troupe('profile', jobId, '--seconds', '1', '--output', path, '--token', token);
      // A node that stood still for seconds lost the run, and the job waits for its next one.
      if (code !== 0) expect(err).toContain('the job is QUEUED');
      return code === 0;
    };
    await cluster.waitFor('it is profiled', profiled, withinMs);
    const profile = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly nodes: readonly { readonly callFrame: { readonly url: string } }[];
      readonly samples: readonly number[];
    };
    expect(profile.nodes.some(({ callFrame }) => callFrame.url.endsWith('spin.job.ts'))).toBe(true);
    expect(profile.samples.length).toBeGreaterThan(100);
    await client.cancel(jobId);
    await client.wait(jobId);
    await expect(client.cluster.profileRun(jobId)).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
  });
});

describe('a queue in quarantine', () => {
  it('is handed out by no node until it is resumed, over a restart too; its jobs wait', async () => {
    await client.queues.create('fragile');
    const first = await client.submit('test.echo', 1, { queue: 'fragile' });
    await client.wait(first.jobId);
    const stopped = await troupe('quarantine', 'fragile', '--reason', 'poisoned input', '--token', token);
    expect(stopped.out).toBe('fragile is in quarantine on all nodes: poisoned input\n');

    const waiting = await Promise.all([2, 3, 4].map((n) => client.submit('test.echo', n, { queue: 'fragile' })));
    south = await south.stop().then(() => cluster.restartNode(south));
    // Jobs of another queue, submitted after, have come through on both: nothing else held these up.
    for (let n = 0; n < 8; n += 1) await client.wait((await client.submit('test.echo', n)).jobId);
    for (const { jobId } of waiting) expect((await client.get(jobId)).state).toBe('QUEUED');

    const shown = await troupe('queues', 'get', 'fragile');
    expect(shown.out).toMatch(/quarantined: poisoned input/);
    const rows = async () =>
      (await client.cluster.tree()).actors.filter(({ path }) => path.endsWith('/queues/default.fragile'));
    await cluster.waitFor('both nodes show it', async () => (await rows()).length === 2, withinMs);
    expect((await rows()).map(({ state, facts }) => [state, facts['quarantine']])).toEqual([
      ['quarantined', 'poisoned input'],
      ['quarantined', 'poisoned input'],
    ]);

    expect((await troupe('resume', 'fragile', '--token', token)).out).toBe('fragile is not in quarantine\n');
    const jobs = await Promise.all(waiting.map(({ jobId }) => client.wait(jobId)));
    expect(jobs.map(({ state, attempt }) => [state, attempt])).toEqual(Array(3).fill(['SUCCEEDED', 1]));
  });
});

describe('who may steer', () => {
  it('nobody without the token; everyone may look', async () => {
    const stranger = north.client({ retry: { maxAttempts: 1 } });
    const impostor = north.client({ token: 'not-the-token-at-all', retry: { maxAttempts: 1 } });
    expect((await stranger.cluster.nodes()).length).toBe(2);
    for (const [caller, code] of [
      [stranger, 'NO_CREDENTIALS'],
      [impostor, 'TOKEN_INVALID'],
    ] as const) {
      for (const call of [
        caller.cluster.drainNode('south'),
        caller.cluster.quarantineQueue('default', 'mischief'),
        caller.cluster.resumeQueue('default'),
        caller.cluster.profileRun('01a208af-1c05-7001-8000-054587bc0136'),
      ]) {
        await expect(call).rejects.toMatchObject({ code, status: 'UNAUTHENTICATED' });
      }
    }
    const refused = await troupe('drain', 'south');
    expect(refused.code).toBe(5);
    expect(refused.err).toContain('--token-file');
  });
});

describe('a drained node', () => {
  it('lets its run end, loses nothing, and exits with 0', async () => {
    const held = await Promise.all([hold('a'), hold('b'), hold('c')]);
    const onSouth = [];
    for (const one of held) if ((await client.get(one.jobId)).run?.node === 'south') onSouth.push(one);
    expect(onSouth.length).toBeGreaterThan(0);
    const drained = await troupe('drain', 'south', '--token', token);
    expect(drained).toMatchObject({ code: 0, out: 'south is draining\n' });
    for (const { open } of held) open();
    expect((await south.exited).code).toBe(0);
    const jobs = await Promise.all(held.map(({ jobId }) => client.wait(jobId)));
    expect(jobs.map(({ state, failures }) => [state, failures])).toEqual(Array(3).fill(['SUCCEEDED', 0]));
    await cluster.waitFor('it has left', async () => (await client.cluster.nodes()).length === 1, withinMs);
    await cluster.waitFor(
      'its shards are served by the other',
      async () => (await client.cluster.shards()).shards.every(({ node }) => node === 'north'),
      withinMs,
    );
    expect(documents((await troupe('nodes', '--json')).out)).toMatchObject([{ id: 'north', state: 'live' }]);
    expect(existsSync(join(cluster.dir, 'ledger-a'))).toBe(true);
    await expect(client.cluster.drainNode('south')).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
  });
});
