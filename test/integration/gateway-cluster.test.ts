/** The service Cluster on a real socket: what it refuses and how, what it tells of nodes that do not answer. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { actorless } from '../../src/application/ports/node-protocol.ts';
import { actorStateCodes, jobStateCodes, nodeStateCodes, shardStateCodes } from '../../src/contract/codes.ts';
import type * as wire from '../../src/contract/messages.ts';
import { toTime } from '../../src/contract/time.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { mayEverything } from '../support/callers.ts';
import { type Edge, openEdge, openToAll, until } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client({ retry: { maxAttempts: 1 } });
});
afterAll(async () => {
  await edge.close();
});
beforeEach(() => {
  edge.nodes.clear();
  edge.quarantines.marks.clear();
  edge.authenticator = openToAll;
});

function nodeOf(id: string): wire.Node {
  return {
    id,
    incarnation: 5,
    state: nodeStateCodes.live,
    roles: ['shards'],
    version: '1.0.0',
    startTime: toTime(1_000),
    slotsTotal: 0,
    slotsFree: 0,
    runs: 0,
    handlers: [],
    shards: 1,
    eventLoopUtilization: 0.25,
    rssBytes: 2 ** 33,
    machineLoad: 1.5,
    workerClass: '',
  };
}

function row(path: string, more: Partial<wire.Actor> = {}): wire.Actor {
  const state = actorStateCodes.running;
  return { ...actorless, node: 'n1', path, kind: 'x', state, messages: 2 ** 40, ...more };
}

function shard(node: string, number: number, epoch: number): wire.Shard {
  const jobs = [{ state: jobStateCodes.QUEUED, jobs: 2 }];
  const still = { leaseAge: null, lastCommitAge: null, undurable: 0, outbox: 0 };
  return { ...still, number, state: shardStateCodes.owned, node, epoch, jobs, backlog: 2 };
}

type Answers = NonNullable<ReturnType<Edge['nodes']['get']>>['answers'];

function join(nodeId: string, answers: Answers, more: { readonly draining?: boolean } = {}): void {
  const roles = ['shards'] as const;
  const info = {
    nodeId,
    incarnation: 5,
    roles,
    slots: 0,
    weight: 1,
    handlers: [],
    workerClass: 'default',
    draining: false,
    version: '1.0.0',
  };
  edge.nodes.set(nodeId, { info: { ...info, ...more }, answers });
}

describe('bad input', () => {
  const cases: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['a node that can be none', () => client.cluster.tree({ node: 'no such!' }), 'node'],
    ['a path that is none', () => client.cluster.tree({ path: 'node/shards' }), 'path'],
    ['a path without end', () => client.cluster.tree({ path: `/${'x'.repeat(600)}` }), 'path'],
    ['an inspection of nothing', () => client.cluster.inspect(''), 'path'],
    ['an interval too short', () => client.cluster.watchTree({ intervalMs: 100 }).next(), 'interval'],
    ['an interval too long', () => client.cluster.watchTree({ intervalMs: 61_000 }).next(), 'interval'],
    ['a drain of nothing', () => client.cluster.drainNode(''), 'node'],
    ['a quarantine without a reason', () => client.cluster.quarantineQueue('default', ''), 'reason'],
    ['a reason too long', () => client.cluster.quarantineQueue('default', 'x'.repeat(257)), 'reason'],
    ['a queue that can be none', () => client.cluster.resumeQueue('a b'), 'queue'],
    ['a profile too short', () => client.cluster.profileRun('x', { durationMs: 999 }), 'duration'],
    ['a profile too long', () => client.cluster.profileRun('x', { durationMs: 60_001 }), 'duration'],
    ['a profile of no job', () => client.cluster.profileRun('x'), 'job_id'],
  ];
  it.each(cases)('%s: the field is named', async (_name, call, field) => {
    await expect(call()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [expect.objectContaining({ field })],
    });
  });

  it('what is not there is NOT_FOUND, by its name', async () => {
    join('n1', { inspect: () => null, tree: () => ({ actors: [row('/')], omitted: 0 }) });
    for (const call of [client.cluster.tree({ node: 'n2' }), client.cluster.drainNode('n2')]) {
      await expect(call).rejects.toMatchObject({ code: 'NODE_NOT_FOUND', metadata: { node: 'n2' } });
    }
    await expect(client.cluster.inspect('/nobody')).rejects.toMatchObject({
      code: 'ACTOR_NOT_FOUND',
      status: 'NOT_FOUND',
      metadata: { path: '/nobody' },
    });
    await expect(client.cluster.quarantineQueue('nowhere', 'x')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(client.cluster.resumeQueue('nowhere')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('a job that does not run has no profile', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    await expect(client.cluster.profileRun(jobId)).rejects.toMatchObject({
      code: 'JOB_STATE_FORBIDS',
      metadata: { state: 'QUEUED' },
    });
  });
});

describe('nodes that do not answer', () => {
  it('are silent rows, and the others are told', async () => {
    join('b', {
      describe: () => nodeOf('b'),
      tree: () => ({ actors: [row('/', { node: 'b' }), row('/node', { node: 'b' })], omitted: 3 }),
    });
    join('a', {});
    const nodes = await client.cluster.nodes();
    expect(nodes.map(({ id, state, rssBytes }) => [id, state, rssBytes])).toEqual([
      ['a', 'silent', 0],
      ['b', 'live', 2 ** 33],
    ]);
    expect(nodes[0]).not.toHaveProperty('startedAt');
    const { actors, omitted } = await client.cluster.tree();
    expect(actors.map(({ node, path, state }) => [node, path, state])).toEqual([
      ['a', '/', 'silent'],
      ['b', '/', 'running'],
      ['b', '/node', 'running'],
    ]);
    expect([omitted, actors[2]?.messages]).toEqual([3, 2 ** 40]);
  });

  it('make shards without an owner unknown; of two owners the newer counts', async () => {
    join('a', { shards: () => [shard('a', 0, 3), shard('a', 1, 9)] });
    join('b', { shards: () => [shard('b', 1, 8), shard('b', 2, 1)] });
    const all = await client.cluster.shards();
    expect(all.shards.map(({ number, node, state, epoch }) => [number, node, state, epoch])).toEqual([
      [0, 'a', 'owned', 3],
      [1, 'a', 'owned', 9],
      [2, 'b', 'owned', 1],
      [3, undefined, 'unowned', 0],
    ]);
    expect(all.shards[0]?.jobs).toEqual([{ state: 'QUEUED', jobs: 2 }]);
    join('c', {});
    const some = await client.cluster.shards();
    expect([some.shards[3]?.state, some.silentNodes]).toEqual(['unknown', ['c']]);
  });

  it('fail what is asked of them alone', async () => {
    join('a', {});
    await expect(client.cluster.drainNode('a')).rejects.toMatchObject({ code: 'NODE_SILENT', outcome: 'none' });
    await expect(client.cluster.inspect('/node')).rejects.toMatchObject({ metadata: { silentNodes: 'a' } });
  });
});

describe('a watch of the tree', () => {
  it('tells all, then what changed; nothing when nothing does; and asks no more when it is over', async () => {
    let rows = [row('/'), row('/node'), row('/node/a')];
    let asked = 0;
    join('n1', {
      tree: () => {
        asked += 1;
        return { actors: rows, omitted: 0 };
      },
    });
    const stop = new AbortController();
    const seen: string[][] = [];
    const over = (async () => {
      for await (const { actors } of client.cluster.watchTree({ intervalMs: 250, signal: stop.signal })) {
        seen.push(actors.map(({ path, mailboxSize }) => `${path} ${mailboxSize}`));
      }
    })().catch(() => undefined);
    await until('the snapshot', () => seen.length === 1);
    const before = asked;
    await until('it looks again', () => asked >= before + 2);
    expect(seen).toEqual([['/ 0', '/node 0', '/node/a 0']]);
    rows = [row('/'), row('/node'), row('/node/b', { mailboxSize: 2 }), row('/node/b/c')];
    await until('the change', () => seen.length === 2);
    expect(seen[1]).toEqual(['/ 0', '/node 0', '/node/b 2', '/node/b/c 0']);
    stop.abort();
    await over;
    const open = async (): Promise<string> => edge.telemetry.metricsText();
    await until('it is over', async () => (await open()).includes('troupe_gateway_watches_open 0'));
    const last = asked;
    await until('a later look has come and gone', () => asked > last, 700).then(
      () => expect.unreachable(),
      () => undefined,
    );
  });

  it('shares what others have asked a moment ago', async () => {
    let asked = 0;
    join('n1', {
      tree: () => {
        asked += 1;
        return { actors: [row('/')], omitted: 0 };
      },
    });
    const watches = Array.from({ length: 20 }, () => client.cluster.watchTree());
    await Promise.all(watches.map((watch) => watch.next()));
    expect(asked).toBeLessThan(20);
    await Promise.all(watches.map((watch) => watch.return()));
  });
});

describe('a queue in quarantine', () => {
  it('says why, to those who ask for the queue; marks of nodes that are gone are not told', async () => {
    join('n1', {});
    const stopped = await client.cluster.quarantineQueue('default', 'bad data');
    expect(stopped.quarantines).toMatchObject([{ reason: 'bad data' }]);
    expect(stopped.quarantines[0]).not.toHaveProperty('node');
    for (const node of ['n1', 'gone']) {
      await edge.quarantines.put({ tenant: 'default', queue: 'default', node, reason: 'failed', sinceMs: 7 });
    }
    const { quarantines } = await client.queues.get('default');
    expect(quarantines.map(({ node, reason }) => [node, reason])).toEqual([
      [undefined, 'bad data'],
      ['n1', 'failed'],
    ]);
    expect((await client.cluster.resumeQueue('default')).quarantines).toEqual([]);
    expect(edge.quarantines.marks.size).toBe(0);
  });
});

describe('who may steer', () => {
  it('nobody, where others can reach a gateway that has no token: it says what to configure', async () => {
    join('n1', { drain: () => nodeOf('n1') });
    expect((await client.cluster.drainNode('n1')).id).toBe('n1');
    edge.authenticator = createAuthenticator({
      operatorToken: undefined,
      tokens: undefined,
      withoutCredential: 'work',
    });
    const refused = client.cluster.drainNode('n1').catch((error: unknown) => error);
    expect(await refused).toMatchObject({ code: 'PERMISSION_MISSING', status: 'PERMISSION_DENIED', retryable: false });
    expect(String(await refused)).toContain('gateway.operatorToken');
  });

  it('who has the token, in the header that all tools know', async () => {
    join('n1', { drain: () => nodeOf('n1') });
    edge.authenticator = createAuthenticator({
      operatorToken: () => 'open-sesame-open',
      tokens: undefined,
      withoutCredential: 'work',
    });
    await expect(client.cluster.drainNode('n1')).rejects.toMatchObject({ code: 'NO_CREDENTIALS' });
    const operator = edge.client({ token: 'open-sesame-open' });
    expect((await operator.cluster.drainNode('n1')).state).toBe('live');
  });
});

describe('the note of a run, a text of some tenant', () => {
  const run = { jobId: 'j', attempt: 1, handler: 'h', progress: 0.5, note: 'a secret', suspect: false };
  const ran = row('/node/pool/run:j#1', {
    run: { ...run, cellPid: null, thread: null, pulseTime: null, deadline: null },
  });

  it('is shown to an operator, and to no caller with a token of an issuer, whatever its roles', async () => {
    join('n1', {
      tree: () => ({ actors: [ran], omitted: 0 }),
      inspect: () => ({ actor: ran, children: [ran], events: [], deadLetters: [] }),
    });
    edge.authenticator = createAuthenticator({
      operatorToken: () => 'open-sesame-open',
      tokens: { verify: () => mayEverything },
      withoutCredential: 'nothing',
    });
    const seenBy = async (token: string): Promise<string> => {
      const caller = edge.client({ token });
      // Of a path of its own: watches of one path share what they read for a moment.
      const watch = caller.cluster.watchTree({ path: '/node/pool' });
      const seen = [
        await caller.cluster.tree(),
        await caller.cluster.inspect('/node/pool/run:j#1'),
        await watch.next(),
      ];
      await watch.return();
      return JSON.stringify(seen);
    };
    expect((await seenBy('open-sesame-open')).split('a secret')).toHaveLength(5);
    const seen = await seenBy('of-an-issuer');
    expect(seen).not.toContain('a secret');
    expect(seen.split('"progress":0.5')).toHaveLength(5);
  });
});

describe('a gateway full of watches', () => {
  it('refuses one more tree, and takes it when one has gone', async () => {
    join('n1', { tree: () => ({ actors: [row('/')], omitted: 0 }) });
    const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 65_536, maxWatches: 1 } });
    const other = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    const first = other.cluster.watchTree();
    await first.next();
    await expect(other.cluster.watchTree().next()).rejects.toMatchObject({ code: 'OVERLOADED' });
    await first.return();
    let taken = false;
    const again = async (): Promise<void> => {
      while (!taken)
        taken = await other.cluster
          .watchTree()
          .next()
          .then(
            () => true,
            () => false,
          );
    };
    await Promise.all([again(), until('there is room again', () => taken)]);
  });
});

describe('the command line', () => {
  it('draws the rows over each other on a terminal, and gives the screen back', async () => {
    join('n1', {
      tree: () => ({ actors: [row('/'), ...Array.from({ length: 30 }, (_, n) => row(`/a${n}`))], omitted: 0 }),
    });
    const terminal = recordedTerminal({ isTerminal: true });
    const stop = new AbortController();
    const address = `127.0.0.1:${edge.port}`;
    const running = runCli(['ps', '--interval', '250ms', '--address', address], { terminal, signal: stop.signal });
    await until('a screen was drawn', () => terminal.written.out.includes('more'));
    stop.abort();
    expect(await running).toBe(130);
    expect(terminal.written.out.startsWith('\u001B[?1049h')).toBe(true);
    expect(terminal.written.out.endsWith('\u001B[?1049l')).toBe(true);
    // What a watch before has asked a moment ago may be the first screen.
    const screen = terminal.written.out.split('\u001B[H').find((drawn) => drawn.includes('more')) ?? '';
    expect(screen.split('\r\n')).toHaveLength(12);
    expect(screen).toContain('... 22 more');
  });

  it('leaves the screen with q', async () => {
    join('n1', { tree: () => ({ actors: [row('/')], omitted: 0 }) });
    const terminal = recordedTerminal({ isTerminal: true });
    const running = runCli(['ps', '--address', `127.0.0.1:${edge.port}`], { terminal });
    await until('a screen was drawn', () => terminal.written.out.includes('PATH'));
    terminal.press('x');
    terminal.press('q');
    expect(await running).toBe(0);
    expect(terminal.written.out.endsWith('\u001B[?1049l')).toBe(true);
  });

  it('refuses flags that make no sense, by name', async () => {
    for (const [args, words] of [
      [['profile', 'x', '--seconds', '61'], '--seconds 61'],
      [['ps', '--sort', 'colour'], '--sort colour'],
      [['quarantine', 'default'], '--reason'],
    ] as const) {
      const terminal = recordedTerminal();
      expect(await runCli([...args], { terminal })).toBe(2);
      expect(terminal.written.err).toContain(words);
    }
  });
});
