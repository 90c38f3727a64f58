import { beforeEach, describe, expect, it } from 'vitest';
import { SlotPool } from '../../../../src/actors/worker/slot-pool.ts';
import { defaultWorkerLimits } from '../../../../src/actors/worker/worker-services.ts';
import { runIdOf } from '../../../../src/actors/worker/node-attempt.ts';
import { priorityAgeingMs } from '../../../../src/domain/priority.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createWorkerHarness, harnessToken, type WorkerHarness } from '../../../support/worker-harness.ts';

describe('the workers of a node', () => {
  let worker: WorkerHarness;

  beforeEach(async () => {
    worker = await createWorkerHarness();
  });

  /** The first pull asks for what is there at once and finds nothing: from then on the doorbell waits. */
  async function idle(): Promise<void> {
    worker.pulls.shift()?.resolve([]);
    await worker.kit.settle();
  }
  async function running(unique: number): Promise<string> {
    const { message } = await worker.offer(unique);
    await worker.kit.settle();
    return runIdOf(message.jobId, harnessToken);
  }

  it('reserve their free slots before they ask for work, and hold none while they wait', async () => {
    expect(worker.pulls).toMatchObject([{ batch: 2, expiresMs: 0 }]);
    expect(worker.slots.free).toBe(0);
    await idle();
    expect(worker.pulls).toMatchObject([{ batch: 1, expiresMs: 5_000 }]);
    expect(worker.slots.free).toBe(2);
  });

  it('ask for nothing while there is no room, and for as much as there is when there is some', async () => {
    await idle();
    await worker.offer(1);
    await idle();
    await worker.offer(2);
    expect(worker.handed).toHaveLength(2);
    expect(worker.pulls).toEqual([]);
    await worker.end(worker.handed[0]?.runId ?? '');
    expect(worker.pulls).toMatchObject([{ batch: 1, expiresMs: 0 }]);
  });

  it('begin with a queue that nobody has announced once something of it lies in the stream', async () => {
    worker.waiting = [{ tenant: 'default', queue: 'unheard', messages: 1 }];
    await worker.kit.advance(1_000);
    const pullers = worker.kit.system.tree().map(({ path }) => path);
    expect(pullers).toContain('/workers/queues/default.unheard');
  });

  it('leave a queue that was deleted once nothing of it lies in the stream, and come back when it is made anew', async () => {
    await idle();
    worker.queues.clear();
    worker.waiting = [{ tenant: 'default', queue: 'default', messages: 1 }];
    await worker.kit.advance(60_000);
    expect(worker.pulls).toMatchObject([{ route: { queue: 'default' } }]);
    worker.waiting = [];
    await worker.kit.advance(5_000);
    worker.pulls.shift()?.resolve([]);
    await worker.kit.advance(10_000);
    expect(worker.pulls).toEqual([]);
    worker.queues.set('default/default', 2);
    await worker.kit.advance(1_000);
    expect(worker.pulls).toMatchObject([{ route: { tenant: 'default', queue: 'default' } }]);
  });

  it('leave a deleted queue while they ask for its jobs: the slots are free, and what comes after all goes back', async () => {
    expect([worker.slots.reserved, worker.slots.free]).toEqual([2, 0]);
    worker.queues.clear();
    await worker.kit.advance(5_000);
    expect([worker.slots.reserved, worker.slots.free]).toEqual([0, 2]);
    await worker.offer(1);
    expect(worker.givenBack).toEqual([{ ackTo: 'ack-1', delayMs: undefined }]);
    expect([worker.claims, worker.slots.reserved]).toEqual([[], 0]);
  });

  it('come to a queue that there was no puller for as soon as there is one, and say once that there is none', async () => {
    worker = await createWorkerHarness(2, { pullersMax: 1 });
    await idle();
    worker.queues.set('default/second', 1);
    await worker.kit.advance(10_000);
    const pulled = (): string[] => worker.pulls.splice(0).map(({ route }) => route.queue);
    expect(pulled()).toEqual(['default']);
    expect(worker.kit.logEntries.filter(({ message }) => message.startsWith('no puller'))).toHaveLength(1);
    worker.queues.delete('default/default');
    await worker.kit.advance(10_000);
    expect(pulled()).toEqual(['second']);
  });

  it('begin with every one of thousands of queues, and leave them all', async () => {
    const named = Array.from({ length: 2_000 }, (_, n): [string, number] => [`default/q${n}`, 1]);
    for (const [key, stamp] of named) worker.queues.set(key, stamp);
    await worker.kit.advance(5_000);
    const pullers = (): number => worker.kit.system.tree().filter(({ kind }) => kind === 'puller').length;
    expect(pullers()).toBe(1 + named.length);
    worker.queues.clear();
    await worker.kit.advance(10_000);
    expect([pullers(), worker.slots.reserved]).toEqual([0, 0]);
  });

  it('ask for some consumers at a time, however many queues there are, and for those of deleted queues not at all', async () => {
    worker.consumers = 'slow';
    const asked = worker.routesAsked;
    for (let n = 0; n < 100; n += 1) worker.queues.set(`default/q${n}`, 1);
    await worker.kit.advance(5_000);
    expect(worker.routesAsked - asked).toBe(32);
    for (let n = 50; n < 100; n += 1) worker.queues.delete(`default/q${n}`);
    await worker.kit.advance(60_000);
    const pullers = worker.kit.system.tree().filter(({ kind }) => kind === 'puller').length;
    expect([pullers, worker.routesAsked - asked]).toEqual([51, 50]);
  });

  it('give back what came at the moment at which they end', async () => {
    const offered = worker.offer(1);
    worker.kit.system.stop(worker.kit.system.refAt('/workers/queues/default.default'));
    await offered;
    expect(worker.givenBack).toEqual([{ ackTo: 'ack-1', delayMs: undefined }]);
    expect(worker.claims).toEqual([]);
  });

  it('have all slots again when their runs are started again, whatever these were at', async () => {
    worker = await createWorkerHarness(4, { unreportedMax: 1 });
    const crash = async (): Promise<void> => {
      const broken = {
        get stop(): never {
          throw new Error('as the test asks');
        },
      };
      worker.runs.tell({ kind: 'heartbeat-answered', outcome: { status: 'fulfilled', value: broken } });
      await worker.kit.advance(1_000);
      worker.pulls.splice(0).forEach(({ resolve }) => {
        resolve([]);
      });
      await worker.kit.settle();
    };
    await idle();
    worker.spec = testSpec({ input: { kind: 'ref', id: 'input', bytes: 2, encoding: 'json' } });
    worker.payloadStore = 'slow';
    await worker.offer(1);
    await idle();
    worker.shards = 'silent';
    await worker.offer(2);
    expect(worker.slots.reserved).toBeGreaterThanOrEqual(2);
    await crash();
    expect([worker.slots.reserved, worker.slots.free]).toEqual([0, 4]);
    worker.shards = 'up';
    worker.spec = testSpec();
    const runId = await running(3);
    worker.shards = 'silent';
    await worker.end(runId);
    expect(worker.slots.full).toBe(true);
    await crash();
    expect([worker.slots.full, worker.slots.reserved, worker.slots.free]).toEqual([false, 0, 4]);
  });

  it('keep a message that rang when others had taken the slots, until there is one', async () => {
    await idle();
    expect(worker.slots.reserve(2)).toBe(2);
    await worker.offer(1);
    expect(worker.handed).toEqual([]);
    worker.slots.release(2);
    await worker.kit.settle();
    expect(worker.handed).toHaveLength(1);
  });

  it('give it back when none becomes free in time', async () => {
    await idle();
    worker.slots.reserve(2);
    await worker.offer(1);
    await worker.kit.advance(11_000);
    expect(worker.handed).toEqual([]);
    expect(worker.givenBack).toEqual([{ ackTo: 'ack-1', delayMs: undefined }]);
  });

  it('give a message back, later, when its shard is away', async () => {
    await idle();
    worker.shards = 'away';
    await worker.offer(1);
    expect(worker.givenBack).toMatchObject([{ ackTo: 'ack-1' }]);
    expect(worker.givenBack[0]?.delayMs).toBeGreaterThanOrEqual(1_000);
    expect(worker.slots.free + worker.slots.reserved).toBe(2);
  });

  it('say which message they have', async () => {
    await idle();
    await worker.offer(1);
    await worker.offer(2, { epoch: 4, again: 3 });
    expect(worker.claims).toMatchObject([
      { epoch: 1, again: 0, ackTo: 'ack-1' },
      { epoch: 4, again: 3, ackTo: 'ack-2' },
    ]);
  });

  it('claim a job in the line of its tenant', async () => {
    await idle();
    await worker.offer(1);
    await worker.offer(2, { tenant: 'acme' });
    expect(worker.claimLines).toEqual(['default', 'acme']);
  });

  it('acknowledge a message that has nothing left to do', async () => {
    await idle();
    worker.claim = 'drop';
    await worker.offer(1);
    expect(worker.acks).toEqual(['ack-1']);
    expect(worker.handed).toEqual([]);
  });

  it('report an outcome until a shard has taken it, and name the run in heartbeats until then', async () => {
    await idle();
    const runId = await running(1);
    worker.shards = 'away';
    await worker.end(runId);
    expect(worker.completed).toEqual([]);
    await worker.kit.advance(6_000);
    worker.shards = 'up';
    await worker.kit.advance(4_000);
    expect(worker.completed).toMatchObject([{ token: harnessToken, outcome: { kind: 'succeeded' } }]);
    worker.beats.length = 0;
    await worker.kit.advance(4_000);
    expect(worker.beats).toEqual([]);
  });

  it.each([
    ['as many outcomes', { unreportedMax: 3 }],
    ['as many bytes of outcomes', { unreportedMaxBytes: 30 }],
  ])('take no more jobs while %s as they may hold wait for their shards, and go on then', async (_what, bounds) => {
    worker = await createWorkerHarness(5, bounds);
    const output = { kind: 'json', json: '"8 bytes"'.padEnd(10) } as const;
    for (const unique of [1, 2, 3, 4]) {
      await idle();
      await running(unique);
    }
    worker.shards = 'away';
    const ends = worker.handed.map(({ runId }) => runId);
    const fullAfter: boolean[] = [];
    for (const runId of ends.slice(0, 3)) {
      await worker.end(runId, { kind: 'succeeded', output });
      fullAfter.push(worker.slots.full);
    }
    expect(fullAfter).toEqual([false, false, true]);
    expect(worker.slots.free).toBe(0);
    // What runs already ends all the same, and is kept.
    await worker.end(ends[3] ?? '', { kind: 'succeeded', output });
    await worker.kit.advance(60_000);
    expect([worker.completed.length, worker.slots.free, worker.slots.full]).toEqual([0, 0, true]);
    worker.shards = 'up';
    await worker.kit.advance(4_000);
    expect(worker.completed).toHaveLength(4);
    expect(worker.slots.full).toBe(false);
    expect(worker.slots.free + worker.slots.reserved).toBe(5);
  });

  it('carry progress to listeners at once and to the shard with the heartbeat', async () => {
    await idle();
    const runId = await running(1);
    worker.runs.tell({ kind: 'started', runId });
    worker.runs.tell({ kind: 'progress', runId, fraction: 0.5, note: 'half' });
    await worker.kit.advance(2_500);
    expect(worker.notes).toMatchObject([{ fraction: 0.5, note: 'half', attempt: 1 }]);
    expect(worker.beats.at(-1)?.runs).toMatchObject([{ progress: 0.5, note: 'half' }]);
  });

  it('save checkpoints one at a time, of those that wait the newest, and say which are durable', async () => {
    await idle();
    const runId = await running(1);
    const save = (number: number, length = 1) => {
      const payload = { kind: 'json', json: JSON.stringify('x'.repeat(length)) } as const;
      worker.runs.tell({ kind: 'checkpoint', runId, number, payload });
    };
    save(1, 2_000);
    for (const number of [2, 3, 4]) save(number);
    await worker.kit.settle();
    expect(worker.checkpoints.map(({ number, bytes, payload }) => [number, bytes, payload.kind])).toEqual([
      [1, 2_002, 'ref'],
      [4, 3, 'json'],
    ]);
    const id = `${worker.handed[0]?.jobId ?? ''}/1.1/checkpoint-1`;
    expect(worker.checkpoints[0]?.payload).toEqual({ kind: 'ref', id, bytes: 2_002, encoding: 'json' });
    expect([...worker.payloads.keys()]).toEqual([]);
    worker.shards = 'away';
    save(5);
    await worker.kit.advance(5_000);
    worker.shards = 'up';
    await worker.kit.advance(3_000);
    worker.checkpoint = 'stale';
    save(6);
    await worker.kit.settle();
    const saved = worker.checkpointed.map((settled) => [settled.number, settled.saved]);
    expect(saved).toEqual([1, 4, 5].map((number) => [number, true]).concat([[6, false]]));
  });

  it('report the end of a run only when what it saved last is recorded, or has been tried once more', async () => {
    await idle();
    for (const shards of ['up', 'away'] as const) {
      const runId = await running(shards === 'up' ? 1 : 2);
      worker.runs.tell({ kind: 'checkpoint', runId, number: 1, payload: { kind: 'json', json: '1' } });
      worker.shards = shards;
      await worker.end(runId, { kind: 'stopped' });
      worker.shards = 'up';
      await worker.kit.advance(5_000);
    }
    expect(worker.checkpoints).toHaveLength(1);
    expect(worker.checkpointed.map(({ saved }) => saved)).toEqual([true, false]);
    expect(worker.completed.map(({ outcome }) => outcome.kind)).toEqual(['stopped', 'stopped']);
  });

  it('hand a run what an earlier attempt saved', async () => {
    await idle();
    worker.payloads.set('saved', Buffer.from('{"at":7}'));
    worker.lastCheckpoint = { kind: 'ref', id: 'saved', bytes: 8, encoding: 'json' };
    await worker.offer(1);
    await idle();
    worker.lastCheckpoint = { kind: 'bytes', base64: 'AQI=' };
    await worker.offer(2);
    await worker.kit.settle();
    expect(worker.handed.map(({ checkpoint }) => checkpoint)).toEqual([
      { kind: 'json', json: '{"at":7}' },
      { kind: 'bytes', bytes: Buffer.from([1, 2]) },
    ]);
    const [first] = worker.handed;
    const payload = { kind: 'json', json: '8' } as const;
    worker.runs.tell({ kind: 'checkpoint', runId: first?.runId ?? '', number: 1, payload });
    await worker.kit.settle();
    expect([...worker.payloads.keys()]).toEqual([]);
  });

  it('tell what a run says in one piece every 200 ms, again from where its shard stands, and all of it with its end', async () => {
    await idle();
    const runId = await running(1);
    const say = (text: string) => worker.runs.tell({ kind: 'log', runId, level: 'info', text });
    for (let n = 1; n <= 3; n += 1) say(`line ${n}`);
    await worker.kit.advance(250);
    expect(worker.logs.map(({ after, lines }) => [after, lines.length])).toEqual([[0, 3]]);
    expect(worker.logNews).toHaveLength(1);
    worker.logThrough = 0;
    say('line 4');
    await worker.kit.advance(500);
    expect(worker.logs.slice(1).map(({ after, lines }) => [after, lines.length])).toEqual([
      [3, 1],
      [0, 4],
    ]);
    worker.shards = 'away';
    say('line 5');
    await worker.kit.advance(1_500);
    worker.shards = 'up';
    await worker.kit.advance(2_500);
    expect(worker.logs.at(-1)?.lines.map(({ number, text }) => [number, text])).toEqual([[5, 'line 5']]);
    await worker.end(runId, { kind: 'stopped' });
    const [{ log } = {}] = worker.completed;
    const told = log?.kind === 'json' ? (JSON.parse(log.json) as { text: string }[]) : [];
    expect(told.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((n) => `line ${n}`));
  });

  it.each([-1, 1])('end a job when its shard says, also on a machine that is decades off (%i)', async (sign) => {
    await idle();
    const nowMs = worker.kit.clock.nowMs() + sign * 50 * 365 * 86_400_000;
    worker.shardTime = { nowMs, deadlineAtMs: nowMs + 60_000 };
    await worker.offer(1);
    await worker.kit.settle();
    expect(worker.handed.map(({ deadlineAtMs }) => deadlineAtMs)).toEqual([worker.kit.clock.nowMs() + 60_000]);
  });

  it('stop a run that was cancelled and report that its code is gone', async () => {
    await idle();
    const { message } = await worker.offer(1);
    const runId = runIdOf(message.jobId, harnessToken);
    worker.stop = [{ jobId: message.jobId, token: harnessToken, why: 'cancel' }];
    await worker.kit.advance(2_500);
    expect(worker.cancelled).toEqual([runId]);
    await worker.end(runId, { kind: 'stopped' });
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'stopped' } }]);
  });

  it('stop a run whose token no longer counts and report nothing', async () => {
    await idle();
    const { message } = await worker.offer(1);
    const runId = runIdOf(message.jobId, harnessToken);
    worker.stop = [{ jobId: message.jobId, token: harnessToken, why: 'stale' }];
    await worker.kit.advance(2_500);
    await worker.end(runId);
    expect(worker.completed).toEqual([]);
  });

  it('fail a job whose input is gone, without a thread', async () => {
    await idle();
    worker.spec = testSpec({ input: { kind: 'ref', id: 'gone', bytes: 9, encoding: 'bytes' } });
    await worker.offer(1);
    await worker.kit.settle();
    expect(worker.handed).toEqual([]);
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'failed', failure: { reason: 'INVALID_INPUT' } } }]);
    expect(worker.slots.free + worker.slots.reserved).toBe(2);
  });

  it('are drained when the last outcome is reported', async () => {
    await idle();
    const runId = await running(1);
    let drained = false;
    worker.slots.close();
    worker.runs.tell({ kind: 'drain', done: () => (drained = true) });
    await worker.kit.settle();
    expect(drained).toBe(false);
    await worker.end(runId);
    expect(drained).toBe(true);
  });

  it('never claim what they cannot run: it moves to its handler route, once, and the slot is free at once', async () => {
    await idle();
    const need = { handler: 'test.echo', version: '>=1.5' };
    const { message } = await worker.offer(1, { need });
    expect(worker.moved).toEqual([{ ...message, route: 'handler' }]);
    expect(worker.acks).toEqual(['ack-1']);
    expect([worker.handed, worker.slots.free, worker.pulls.length]).toEqual([[], 1, 1]);
    await idle();
    expect(worker.slots.free).toBe(2);
  });

  it('give it back when it cannot move, and what came from its handler route after the handler went', async () => {
    await idle();
    worker.shards = 'away';
    await worker.offer(1, { need: { handler: 'test.other' } });
    await idle();
    worker.shards = 'up';
    await worker.offer(2, { need: { handler: 'test.other' }, route: 'handler' });
    expect(worker.givenBack).toEqual([
      { ackTo: 'ack-1', delayMs: 1_000 },
      { ackTo: 'ack-2', delayMs: 1_000 },
    ]);
    expect([worker.moved, worker.acks, worker.handed]).toEqual([[], [], []]);
  });

  it('pull handler routes that hold messages for them, until they have been empty for a while', async () => {
    await idle();
    const place = { tenant: 'default', queue: 'default' };
    const need = { handler: 'test.echo', version: '1.4.0' };
    worker.waiting = [
      { ...place, messages: 3 },
      { ...place, need, messages: 1 },
      { ...place, need: { handler: 'test.echo', version: '1.5.0' }, messages: 1 },
      { ...place, need: { handler: 'test.nowhere' }, messages: 2 },
    ];
    await worker.kit.advance(2_000);
    expect(worker.pulls.map(({ route }) => route)).toEqual([place, { ...place, need }]);
    const pullers = (): string[] =>
      worker.kit.system
        .tree()
        .filter(({ kind, state }) => kind === 'puller' && state === 'running')
        .map(({ path }) => path);
    expect(pullers()).toEqual(['/workers/queues/default.default', '/workers/queues/default.default:test.echo@1.4.0']);
    worker.waiting = [];
    await worker.kit.advance(40_000);
    expect(pullers()).toEqual(['/workers/queues/default.default']);
  });

  it('leave a handler route as soon as the handler is another one', async () => {
    await idle();
    const need = { handler: 'test.echo', version: '1.4.0' };
    worker.waiting = [{ tenant: 'default', queue: 'default', need, messages: 1 }];
    await worker.kit.advance(2_000);
    expect(worker.pulls.length).toBe(2);
    worker.handlers.replace([{ name: 'test.echo', version: '1.5.0' }]);
    await worker.kit.settle();
    expect(worker.kit.system.tree().filter(({ path }) => path.includes('1.4.0'))).toEqual([]);
  });

  it('that drain ask for nothing, and give back at once what they kept and what is granted too late', async () => {
    await idle();
    worker.slots.reserve(2);
    await worker.offer(1);
    await worker.kit.settle();
    worker.slots.close();
    await worker.kit.settle();
    expect(worker.givenBack).toEqual([{ ackTo: 'ack-1', delayMs: undefined }]);
    let drained = false;
    worker.runs.tell({ kind: 'drain', done: () => (drained = true) });
    const late = (await worker.offer(2)).message;
    worker.runs.tell({ kind: 'deliver', deliveries: [{ message: late, ackTo: 'ack-2', deliveries: 1 }] });
    await worker.kit.settle();
    expect(worker.handed).toEqual([]);
    expect(worker.completed).toEqual([{ jobId: late.jobId, token: harnessToken, outcome: { kind: 'released' } }]);
    expect(drained).toBe(true);
    await worker.kit.advance(20_000);
    expect(worker.pulls).toEqual([]);
  });

  it('stop what still runs when the grace is over, and report it as stopped', async () => {
    await idle();
    const runId = await running(1);
    let drained = false;
    worker.runs.tell({ kind: 'drain', done: () => (drained = true) });
    worker.runs.tell({ kind: 'stop-all' });
    await worker.kit.settle();
    expect([worker.cancelled, drained]).toEqual([[runId], false]);
    await worker.end(runId, { kind: 'stopped' });
    expect(worker.completed).toMatchObject([{ outcome: { kind: 'stopped' } }]);
    expect(drained).toBe(true);
  });

  it('give back as never begun what has no input yet when the grace is over, or whose store is away', async () => {
    await idle();
    worker.payloads.set('input', Buffer.from('{}'));
    worker.spec = testSpec({ input: { kind: 'ref', id: 'input', bytes: 2, encoding: 'json' } });
    worker.payloadStore = 'away';
    await worker.offer(1);
    await worker.kit.settle();
    worker.payloadStore = 'slow';
    await worker.offer(2);
    await worker.kit.settle();
    worker.runs.tell({ kind: 'drain', done: () => undefined });
    worker.runs.tell({ kind: 'stop-all' });
    await worker.kit.advance(1_500);
    expect(worker.handed).toEqual([]);
    expect(worker.completed.map(({ outcome }) => outcome.kind)).toEqual(['released', 'released']);
  });

  it('start the lowest level after an hour at most, however long the jobs of the others are', () => {
    let nowMs = 0;
    const slots = new SlotPool({ capacity: () => 1 }, () => nowMs, defaultWorkerLimits);
    const starts: (readonly [level: number, atMs: number])[] = [];
    for (const level of [0, 4] as const) {
      const wake = (): boolean => {
        if (slots.reserve(1) !== 1) return false;
        turn.took(1);
        starts.push([level, nowMs]);
        return true;
      };
      const turn = slots.wait({ tenant: 't', queue: 'q', level }, { wants: () => true, wake });
      turn.waits();
    }
    slots.changed();
    for (const runMs = 25 * 60_000; starts.length < 40; nowMs += runMs) {
      slots.release(1);
    }
    const lowest = starts.flatMap(([level, atMs]) => (level === 0 ? [atMs] : []));
    const gaps = lowest.map((atMs, index) => atMs - (lowest[index - 1] ?? 0));
    expect(lowest.length).toBeGreaterThan(8);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(priorityAgeingMs + 25 * 60_000);
  });
});
