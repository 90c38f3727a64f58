/** The admin actor of a node in virtual time, below it a real supervisor with queues that fail. */
import { expect, test } from 'vitest';
import { adminActor, askAdmin } from '../../../../src/actors/node/admin-actor.ts';
import { eventsKept, ActorEvents } from '../../../../src/actors/node/event-log.ts';
import type { TreeNode } from '../../../../src/kernel/index.ts';
import { ActivityMeter } from '../../../../src/actors/node/activity-meter.ts';
import { actorRows, boundedTree } from '../../../../src/actors/node/actor-rows.ts';
import { queueOfPath } from '../../../../src/actors/node/node-paths.ts';
import type { AdminServices } from '../../../../src/actors/node/node-view.ts';
import { ProfileStore, profilesKept } from '../../../../src/actors/node/profile-store.ts';
import { shardReports } from '../../../../src/actors/node/shard-reports.ts';
import { createTestKit, type TestKit } from '../../../../src/kernel/testkit/index.ts';
import { type NodeVerb, type NodeVerbs, profilePartBytes } from '../../../../src/application/ports/node-protocol.ts';
import { actorStateCodes, jobStateCodes, nodeStateCodes, shardStateCodes } from '../../../../src/contract/codes.ts';
import type * as wire from '../../../../src/contract/messages.ts';
import { toTime } from '../../../../src/contract/time.ts';
import type { RunView } from '../../../../src/application/ports/run-pool.ts';
import { type ChildSpec, supervise } from '../../../../src/supervisor/index.ts';
import { memoryQuarantines } from '../../../support/queue-marks.ts';
import { actor } from '../../kernel/definitions.ts';

const node = {
  nodeId: 'n1',
  incarnation: 7,
  slots: 2,
  weight: 2,
  workerClass: 'default',
  draining: false,
  version: '1.2.3',
  roles: ['workers'] as const,
};

async function adminOf(kit: TestKit, more: Partial<AdminServices> = {}) {
  const quarantines = memoryQuarantines();
  let drains = 0;
  const services: AdminServices = {
    node,
    startedAtMs: 5,
    system: kit.system,
    quarantines,
    pool: undefined,
    slotsFree: () => 1,
    handlers: () => [
      { name: 'b', version: '2' },
      { name: 'a', version: '1' },
    ],
    vitals: () => ({ eventLoopUtilization: 0.5, rssBytes: 1, machineLoad: 2 }),
    isDraining: () => false,
    outages: () => [],
    replaceCopy: () => undefined,
    drain: () => (drains += 1),
    ...more,
  };
  const admin = kit.system.spawn('admin', adminActor(services));
  await kit.settle();
  const ask = <V extends NodeVerb>(verb: V, question: NodeVerbs[V]['ask']) =>
    kit.outcome(askAdmin(admin, verb, question, { timeoutMs: 1_000, clock: kit.clock })) as Promise<
      NodeVerbs[V]['answer']
    >;
  return { admin, ask, quarantines, drains: () => drains };
}

/** `/node/workers/queues` with one puller that fails at each message. */
function queues(kit: TestKit) {
  const puller: ChildSpec = {
    name: 'default.mail',
    definition: actor<string>(
      () => ({
        receive(message) {
          if (message === 'fail') throw new Error('the broker said something odd');
        },
      }),
      { kind: 'puller' },
    ),
    restart: 'permanent',
    shutdownMs: 0,
    onExhausted: 'suspend',
    intensity: { maxRestarts: 1, windowMs: 60_000 },
  };
  const one = { strategy: 'one-for-one', intensity: { maxRestarts: 3, windowMs: 1_000 } } as const;
  const under = (name: string, definition: ChildSpec['definition']): ChildSpec => ({
    name,
    definition,
    restart: 'permanent',
    shutdownMs: 'infinity',
  });
  const queuesOf = supervise({ ...one, kind: 'queues', children: [puller] });
  kit.system.spawn(
    'node',
    supervise({ ...one, children: [under('workers', supervise({ ...one, children: [under('queues', queuesOf)] }))] }),
  );
  return kit.system.refAt<string>('/node/workers/queues/default.mail');
}

const stateOf = (kit: TestKit, path: string) => kit.system.tree().find((row) => row.path === path)?.state;
const pullerPath = '/node/workers/queues/default.mail';

test('a queue that failed too often is marked for this node with the error, and resumed when the mark is gone', async () => {
  const kit = createTestKit();
  const mail = queues(kit);
  const { ask, quarantines } = await adminOf(kit);
  for (const message of ['fail', 'fail']) {
    mail.tell(message);
    await kit.settle();
  }
  expect(stateOf(kit, pullerPath)).toBe('suspended');
  expect(quarantines.of('default', 'mail')).toMatchObject([
    { node: 'n1', reason: 'its actor failed too often: the broker said something odd' },
  ]);
  const { actors } = await ask('tree', { path: pullerPath });
  expect(actors).toMatchObject([
    { node: 'n1', state: actorStateCodes.quarantined, lastError: 'the broker said something odd' },
  ]);
  // It stays so as long as the mark does.
  await kit.advance(60_000);
  expect(stateOf(kit, pullerPath)).toBe('suspended');
  await quarantines.clear('default', 'mail');
  await kit.settle();
  expect(stateOf(kit, pullerPath)).toBe('running');
});

test('a mark that could not be written is written later', async () => {
  const kit = createTestKit();
  const mail = queues(kit);
  const quarantines = memoryQuarantines();
  let away = true;
  await adminOf(kit, {
    quarantines: {
      ...quarantines,
      put: (mark) => (away ? Promise.reject(new Error('NATS is away')) : quarantines.put(mark)),
    },
  });
  for (const message of ['fail', 'fail']) {
    mail.tell(message);
    await kit.settle();
  }
  await kit.advance(10_000);
  expect([quarantines.marks.size, stateOf(kit, pullerPath)]).toEqual([0, 'suspended']);
  away = false;
  await kit.advance(2_000);
  expect(quarantines.marks.size).toBe(1);
});

test('a mark of another node or queue resumes and holds nothing here', async () => {
  const kit = createTestKit();
  queues(kit);
  const { ask, quarantines } = await adminOf(kit);
  await quarantines.put({ tenant: 'default', queue: 'mail', node: 'n2', reason: 'there', sinceMs: 1 });
  await quarantines.put({ tenant: 'default', queue: 'post', reason: 'other', sinceMs: 1 });
  expect((await ask('tree', { path: pullerPath })).actors).toMatchObject([{ state: actorStateCodes.running }]);
  await quarantines.put({ tenant: 'default', queue: 'mail', reason: 'everywhere', sinceMs: 1 });
  expect((await ask('tree', { path: pullerPath })).actors).toMatchObject([
    { state: actorStateCodes.quarantined, facts: { quarantine: 'everywhere' } },
  ]);
});

test('the node describes itself; a drain is ordered once and said at once', async () => {
  const kit = createTestKit();
  const { ask, drains } = await adminOf(kit);
  expect(await ask('describe', null)).toMatchObject({
    id: 'n1',
    incarnation: 7,
    state: nodeStateCodes.live,
    startTime: toTime(5),
    workerClass: 'default',
    slotsFree: 1,
    slotsTotal: 0,
    version: '1.2.3',
    handlers: [
      { name: 'a', version: '1' },
      { name: 'b', version: '2' },
    ],
  });
  expect(await ask('drain', null)).toMatchObject({ state: nodeStateCodes.draining });
  expect(drains()).toBe(1);
});

test('an actor is inspected with its children, its news and its dead letters, newest first', async () => {
  const kit = createTestKit();
  const { ask } = await adminOf(kit);
  const mail = queues(kit);
  await kit.settle();
  mail.tell('fail');
  await kit.advance(1_000);
  kit.system.refAt('/node/workers/queues/default.gone').tell({ kind: 'room' });
  const report = await ask('inspect', { path: '/node/workers/queues' });
  expect(report?.children.map(({ path }) => path)).toEqual([pullerPath]);
  expect(
    report?.events.filter(({ path }) => path === pullerPath).map(({ type, incarnation: life }) => [type, life]),
  ).toEqual([
    ['restarted', 2],
    ['crashed', 1],
    ['started', 1],
  ]);
  expect(report?.events.find(({ type }) => type === 'crashed')?.error).toBe('the broker said something odd');
  expect(report?.deadLetters).toMatchObject([
    { node: 'n1', path: '/node/workers/queues/default.gone', reason: 'no_actor', message: 'room' },
  ]);
  const root = await ask('inspect', { path: '/' });
  expect(root?.actor?.facts).not.toHaveProperty('away');
  expect(root?.children.map(({ path }) => path)).toEqual(['/admin', '/node']);
  expect(await ask('inspect', { path: '/node/workers/queue' })).toBeNull();
  const letters = await ask('deadLetters', { path: '/', limit: 10 });
  expect(letters).toMatchObject({
    deadLetters: [{ reason: 'no_actor' }],
    counts: [{ node: 'n1', reason: 'no_actor', count: 1 }],
  });
  expect((await ask('deadLetters', { path: '/elsewhere', limit: 10 })).deadLetters).toEqual([]);
});

test('a profile is handed over in parts, and kept for a minute and not longer', async () => {
  const kit = createTestKit();
  const text = `{"nodes":"${'ä'.repeat(profilePartBytes)}"}`;
  const asked: string[] = [];
  const pool = {
    stats: () => ({ threads: 1, busy: 0, waiting: 0, leaked: 0, rssBytes: 0, cells: [] }),
    runs: () => [],
    profile: async (runId: string) => {
      asked.push(runId);
      return text;
    },
  };
  const { ask } = await adminOf(kit, { pool });
  const { profileId, parts } = await ask('profile', { jobId: 'j', token: '1.2', durationMs: 1_000 });
  expect([asked, parts]).toEqual([['j#1.2'], 3]);
  const bytes: Buffer[] = [];
  for (let part = 0; part < parts; part += 1) {
    bytes.push(Buffer.from((await ask('profilePart', { profileId, part })).base64, 'base64'));
  }
  expect(Buffer.concat(bytes).toString('utf8')).toBe(text);
  // The last part ended its stay.
  await expect(ask('profilePart', { profileId, part: 0 })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  const second = await ask('profile', { jobId: 'j', token: '1.2', durationMs: 1_000 });
  await kit.advance(61_000);
  await expect(ask('profilePart', { profileId: second.profileId, part: 0 })).rejects.toMatchObject({
    code: 'RUN_NOT_FOUND',
  });
});

test('what is kept is bounded: profiles, events, marks of actors that are gone', () => {
  const desk = new ProfileStore(() => 0);
  const ids = Array.from({ length: profilesKept + 1 }, () => desk.keep('{}').profileId);
  expect(() => desk.part(ids[0] ?? '', 0)).toThrow(/no longer kept/);
  expect(desk.part(ids[1] ?? '', 0).base64).toBe(Buffer.from('{}').toString('base64'));

  let nowMs = 0;
  const log = new ActorEvents(() => (nowMs += 1));
  for (let incarnation = 1; incarnation <= eventsKept + 10; incarnation += 1)
    log.note({ type: 'restarted', path: '/a', kind: 'x', incarnation });
  const all = log.within('/', eventsKept * 2);
  expect([all.length, all[0]?.incarnation, all.at(-1)?.incarnation]).toEqual([eventsKept, eventsKept + 10, 11]);
  expect(log.within('/a', 3).map(({ incarnation }) => incarnation)).toEqual([
    eventsKept + 10,
    eventsKept + 9,
    eventsKept + 8,
  ]);
});

const blankActor: Omit<TreeNode, 'path' | 'messagesHandled' | 'busyMs'> = {
  state: 'running',
  kind: 'x',
  mailboxSize: 0,
  mailboxCapacity: 8,
  stashed: 0,
  restarts: 0,
  facts: {},
  budget: undefined,
  lastError: undefined,
  lastErrorAtMs: undefined,
  upMs: 10_000,
};

test('rates are those of the last two to four seconds, and of its life for an actor that is new', () => {
  const meter = new ActivityMeter();
  const at = (messagesHandled: number, busyMs: number, upMs = 10_000) => ({
    ...blankActor,
    path: '/a',
    messagesHandled,
    busyMs,
    upMs,
  });
  expect(meter.activityOf(at(50, 5, 500), 500)).toEqual({ messageRate: 100, busyShare: 0.01 });
  expect(meter.activityOf(at(1, 1, 10), 10)).toEqual({ messageRate: 0, busyShare: 0 });
  meter.mark([at(1_000, 100)], 2_000);
  meter.mark([at(3_000, 1_100)], 4_000);
  expect(meter.activityOf(at(4_000, 1_600), 5_000)).toEqual({ messageRate: 1_000, busyShare: 0.5 });
  // Another actor under the name of one that is gone.
  expect(meter.activityOf(at(0, 0), 5_000)).toEqual({ messageRate: 0, busyShare: 0 });
});

const report: wire.Node = {
  id: 'n1',
  incarnation: 1,
  state: nodeStateCodes.draining,
  roles: ['workers'],
  version: '1.0.0',
  startTime: toTime(9),
  slotsTotal: 2,
  slotsFree: 1,
  runs: 1,
  handlers: [],
  shards: 0,
  eventLoopUtilization: 0,
  rssBytes: 0,
  machineLoad: 0,
  workerClass: 'default',
};

test('the rows of a node: itself, its actors, runs below those who mind them, cells; no more than fit', () => {
  const run = {
    runId: 'j#t',
    jobId: 'j' as RunView['jobId'],
    attempt: 3,
    handler: 'h',
    executionTimeoutMs: 60_000,
    suspect: false,
    progress: 0.25,
    note: 'x',
    startedAgoMs: 1_000,
    thread: 4,
    cellPid: 99,
    pulseAgoMs: 200,
  };
  const cell = {
    pid: 99,
    state: 'up',
    restarts: 1,
    threads: 2,
    threadsAlive: 2,
    busy: 1,
    leaked: 0,
    rssBytes: 5,
    eventLoopUtilization: 0.1,
  } as const;
  const tree = ['/node', '/node/workers/runs', '/node/workers/queues'].map((path) => ({
    ...blankActor,
    path,
    messagesHandled: 0,
    busyMs: 0,
  }));
  const rows = actorRows({
    tree,
    node: report,
    outages: ['store', 'issuer corp'],
    cells: [cell],
    nowMs: 100_000,
    runs: [run, { ...run, runId: 'k#t', attempt: 1, deadlineAtMs: 120_000 }],
    activityOf: () => ({ messageRate: 0, busyShare: 0 }),
    heldFor: () => undefined,
  });
  expect(rows.map(({ path }) => path)).toEqual([
    '/',
    '/node',
    '/node/workers/runs',
    '/node/workers/runs/run:j#3',
    '/node/workers/runs/run:j#1',
    '/node/workers/queues',
    '/node/cells/cell:0',
  ]);
  expect(rows[0]).toMatchObject({ state: actorStateCodes.draining, facts: { away: 'store, issuer corp' } });
  expect(rows[3]).toMatchObject({
    startTime: toTime(99_000),
    run: { pulseTime: toTime(99_800), deadline: toTime(159_000), thread: 4 },
  });
  // The job's own deadline comes first.
  expect(rows[4]?.run?.deadline).toEqual(toTime(120_000));
  expect(boundedTree(rows, '/node/workers').actors).toHaveLength(4);
  const bytes = rows.slice(0, 2).reduce((sum, row) => sum + JSON.stringify(row).length + 1, 0);
  expect(boundedTree(rows, '/', bytes)).toEqual({ actors: rows.slice(0, 2), omitted: rows.length - 2 });
});

test('a shard is opening until its actor says its epoch, and its ages are ages', () => {
  const shard = (path: string, facts: Readonly<Record<string, number>>) => ({
    ...blankActor,
    path,
    messagesHandled: 0,
    busyMs: 0,
    facts,
  });
  const keeper = shard('/node/shards', { shards: 2, 'lease.0': 9_000, 'lease.7': 9_500 });
  const open = shard('/node/shards/shard:7', {
    epoch: 4,
    jobs: 3,
    'jobs.QUEUED': 3,
    undurable: 1,
    outbox: 2,
    committedMs: 8_000,
  });
  expect(shardReports([keeper, open], 'n1', 10_000)).toEqual([
    {
      number: 0,
      state: shardStateCodes.opening,
      node: 'n1',
      epoch: 0,
      leaseAge: toTime(1_000),
      jobs: [],
      backlog: 0,
      undurable: 0,
      outbox: 0,
      lastCommitAge: null,
    },
    {
      number: 7,
      state: shardStateCodes.owned,
      node: 'n1',
      epoch: 4,
      leaseAge: toTime(500),
      jobs: [{ state: jobStateCodes.QUEUED, jobs: 3 }],
      backlog: 3,
      undurable: 1,
      outbox: 2,
      lastCommitAge: toTime(2_000),
    },
  ]);
  expect(shardReports([], 'n1', 10_000)).toEqual([]);
});

test('a puller names its queue, also one of a route of its own', () => {
  expect(queueOfPath('/node/workers/queues/acme.mail')).toEqual({ tenant: 'acme', name: 'mail' });
  expect(queueOfPath('/node/workers/queues/acme.mail:thumb.make@>=1.4')).toEqual({ tenant: 'acme', name: 'mail' });
  expect(queueOfPath('/node/workers/queues')).toBeUndefined();
  expect(queueOfPath('/node/workers/runs')).toBeUndefined();
});
