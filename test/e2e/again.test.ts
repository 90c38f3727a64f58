// Ended jobs again, and many at once, in a whole cluster: retry, redrive, cancel by filter; nothing that ended changes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkProgress, JobInfo, TroupeClient } from '../../src/client/index.ts';
import type { UniqueConflict } from '../../src/domain/job.ts';
import { checkpointHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { readLedger } from '../support/cluster-history.ts';

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  node = await cluster.startNode('one', { threads: 2 });
  troupe = node.client();
});
afterAll(() => cluster.stop());

async function totals(steps: AsyncIterable<BulkProgress>): Promise<{ done: number; refused: number }> {
  let [done, refused] = [0, 0];
  for await (const step of steps) {
    done += step.done;
    refused += step.refused;
  }
  return { done, refused };
}

async function listed(options: Parameters<TroupeClient['list']>[0]): Promise<JobInfo[]> {
  const jobs: JobInfo[] = [];
  for await (const job of troupe.list(options)) jobs.push(job);
  return jobs;
}

const once = { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1 };

describe('a job that has ended', () => {
  it('is submitted again as a new one, with another input if need be, and stays as it ended', async () => {
    const { jobId } = await troupe.submit('test.echo', { a: 1 });
    const first = await troupe.wait(jobId);
    const again = await troupe.retry(jobId, { input: { a: 2 }, idempotencyKey: 'k' });
    const told = await troupe.retry(jobId, { input: { a: 2 }, idempotencyKey: 'k' });
    expect(told).toMatchObject({ jobId: again.jobId, duplicate: true });
    const second = await troupe.wait(again.jobId);
    expect(second).toMatchObject({ state: 'SUCCEEDED', output: { a: 2 }, retryOf: jobId });
    expect(await troupe.get(jobId)).toMatchObject({ state: first.state, output: { a: 1 }, seq: first.seq });
    await expect(troupe.retry('01960000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('while it has not: refused', async () => {
    const { jobId } = await troupe.submit('test.echo', 1, { runAt: new Date(Date.now() + 60_000) });
    await expect(troupe.retry(jobId)).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
  });

  it('all of them: each once, however often the operation is told', async () => {
    await troupe.queues.create('redrive');
    const gate = join(cluster.dir, 'redrive.gate');
    const drafts = Array.from({ length: 230 }, (_, n) => ({
      handler: 'test.gated',
      queue: 'redrive',
      input: { gate, n },
      retry: once,
      labels: { batch: n < 220 ? 'night' : 'day' },
    }));
    await troupe.submitMany(drafts);
    const failed = { queue: 'redrive', states: ['FAILED'] as const };
    await cluster.waitFor('all have failed', async () => (await listed(failed)).length === 230, 30_000);
    writeFileSync(gate, '');
    const redrive = () => troupe.redrive({ ...failed, labels: { batch: 'night' }, redriveId: 'r1', perSecond: 2_000 });
    const before = new Date();
    expect(await totals(redrive())).toEqual({ done: 220, refused: 0 });
    expect(
      await totals(troupe.redrive({ ...failed, labels: { batch: 'night' }, redriveId: 'r1', createdBefore: before })),
    ).toEqual({
      done: 220,
      refused: 0,
    });
    const succeeded = { queue: 'redrive', states: ['SUCCEEDED'] as const };
    await cluster.waitFor('their copies have ended', async () => (await listed(succeeded)).length >= 220, 30_000);
    const copies = await listed({ queue: 'redrive', createdFrom: before });
    const originals = new Set((await listed(failed)).map(({ id }) => id));
    expect(copies).toHaveLength(220);
    expect(new Set(copies.map(({ retryOf }) => retryOf)).size).toBe(220);
    for (const { retryOf, labels } of copies)
      expect([originals.has(retryOf ?? ''), labels]).toEqual([true, { batch: 'night' }]);
  });
});

it('cancels by filter what has not ended, and leaves the rest alone', async () => {
  await troupe.queues.create('cancel');
  const runAt = new Date(Date.now() + 3_600_000);
  const draft = (team: string) => ({ handler: 'test.echo', queue: 'cancel', runAt, labels: { team } });
  await troupe.submitMany([...Array.from({ length: 120 }, () => draft('blue')), draft('red')]);
  const done = await troupe.submit('test.echo', 1, { queue: 'cancel', labels: { team: 'blue' } });
  await troupe.wait(done.jobId);
  const cancelled = await totals(
    troupe.cancelMany({ queue: 'cancel', labels: { team: 'blue' }, reason: 'not needed' }),
  );
  expect(cancelled).toEqual({ done: 120, refused: 0 });
  const left = await listed({ queue: 'cancel', states: ['SCHEDULED', 'SUCCEEDED'] });
  expect(left.map(({ state, labels }) => [state, labels['team']]).sort()).toEqual([
    ['SCHEDULED', 'red'],
    ['SUCCEEDED', 'blue'],
  ]);
  const [first] = await listed({ queue: 'cancel', states: ['CANCELLED'], limit: 1 });
  expect(first).toMatchObject({ cancelReason: 'not needed' });
});

it('tells why a job waits and what its queue does; a purge takes what waits and leaves what runs', async () => {
  await troupe.queues.create('purge');
  const gate = join(cluster.dir, 'purge.gate');
  const held = { handler: 'test.hold', queue: 'purge', input: { gate, ledger: join(cluster.dir, 'purge.ledger') } };
  const runAt = new Date(Date.now() + 3_600_000);
  await troupe.submitMany([...Array.from({ length: 20 }, () => held), { ...held, runAt }]);
  let purged: { readonly done: number };
  const settled = async () => {
    const { running, dueLater, silentShards } = await troupe.queues.stats('purge');
    return running >= 2 && dueLater === 1 && silentShards === 0;
  };
  try {
    await cluster.waitFor('jobs run', settled, 30_000);
    // One that waited when it was listed may have been given to the node since.
    const explained = async () => {
      const [last] = await listed({ queue: 'purge', states: ['QUEUED'], limit: 1 });
      const { waiting } = await troupe.get(last?.id ?? '', { explain: true });
      return waiting?.reason === 'BEHIND_OTHERS' && waiting.ahead !== undefined;
    };
    await cluster.waitFor('the last one is behind others', explained, 30_000);
    const [later] = await listed({ queue: 'purge', states: ['SCHEDULED'] });
    expect(await troupe.get(later?.id ?? '', { explain: true })).toMatchObject({ waiting: { reason: 'DUE_LATER' } });
    purged = await totals(troupe.cancelMany({ queue: 'purge', states: ['SCHEDULED', 'QUEUED', 'RETRYING'] }));
  } finally {
    writeFileSync(gate, '');
  }
  const ended = async () => (await listed({ queue: 'purge' })).every(({ final }) => final);
  await cluster.waitFor('what ran has ended', ended, 30_000);
  const states = (await listed({ queue: 'purge' })).map(({ state }) => state);
  expect(states.filter((state) => state === 'CANCELLED')).toHaveLength(purged.done);
  expect(states.filter((state) => state === 'SUCCEEDED')).toHaveLength(21 - purged.done);
  expect(21 - purged.done).toBeGreaterThanOrEqual(2);
});

it('keeps one unfinished job for a unique key, and replaces a running one once its code is gone', async () => {
  const [gate, ledger] = [join(cluster.dir, 'unique.gate'), join(cluster.dir, 'unique.ledger')];
  const submit = (onConflict: UniqueConflict) =>
    troupe.submit('test.hold', { gate, ledger }, { uniqueKey: 'report-7', onConflict });
  const first = await submit('reject');
  await cluster.waitFor('it runs', async () => (await troupe.get(first.jobId)).state === 'RUNNING', 30_000);
  const refusal = { code: 'UNIQUE_KEY_TAKEN', status: 'ALREADY_EXISTS', metadata: { jobId: first.jobId } };
  await expect(submit('reject')).rejects.toMatchObject(refusal);
  await expect(submit('replace-waiting')).rejects.toMatchObject(refusal);
  expect(await submit('return-existing')).toMatchObject({ jobId: first.jobId, duplicate: true });
  const second = await submit('replace');
  expect(await troupe.get(first.jobId)).toMatchObject({ state: 'CANCELLED', uniqueKey: 'report-7' });
  expect(readLedger(ledger).filter(({ jobId }) => jobId === first.jobId)).toMatchObject([
    { what: 'start' },
    { what: 'stopped' },
  ]);
  writeFileSync(gate, '');
  expect(await troupe.wait(second.jobId)).toMatchObject({ state: 'SUCCEEDED' });
  const third = await submit('reject');
  expect(await troupe.wait(third.jobId)).toMatchObject({ state: 'SUCCEEDED' });
});

it('runs a job later that its handler puts off, and counts no failure', async () => {
  const { jobId } = await troupe.submit('test.snoozes', { times: 2, delay: '300ms' }, { retry: once });
  const job = await troupe.wait(jobId);
  expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 3, failures: 0, losses: 0 });
  const { history } = await troupe.get(jobId);
  const started = history.filter(({ type }) => type === 'started');
  expect(started.map(({ attempt, node }) => [attempt, node])).toEqual([1, 2, 3].map((attempt) => [attempt, 'one']));
  const gaps = started.slice(1).map(({ at }, n) => at.getTime() - (started[n]?.at.getTime() ?? 0));
  for (const gapMs of gaps) expect(gapMs).toBeGreaterThanOrEqual(300);
  const bad = await troupe.submit('test.snoozes', { times: 1, delay: 'tomorrow' }, { retry: once });
  expect(await troupe.wait(bad.jobId)).toMatchObject({ state: 'FAILED', failure: { reason: 'HANDLER_FAILED' } });
});

it('tells each attempt: when it began and ended, where, how and why; and retries no code that is named', async () => {
  const retry = { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 1 };
  const { jobId } = await troupe.submit('test.flaky', { failures: 1 }, { retry });
  expect(await troupe.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', attempts: [] });
  const { attempts } = await troupe.get(jobId);
  expect(attempts).toMatchObject([
    ...[
      {
        number: 1,
        node: 'one',
        outcome: 'failed',
        reason: 'HANDLER_FAILED',
        code: 'FLAKY',
        message: 'attempt 1 of 1 that fail',
      },
    ],
    { number: 2, node: 'one', outcome: 'succeeded' },
  ]);
  const times = attempts.flatMap(({ startedAt, endedAt }) => [startedAt.getTime(), endedAt?.getTime() ?? NaN]);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  const named = { ...retry, nonRetryableCodes: ['FLAKY'] };
  const given = await troupe.submit('test.flaky', { failures: 1 }, { retry: named });
  expect(await troupe.wait(given.jobId)).toMatchObject({ state: 'FAILED', attempt: 1, failure: { code: 'FLAKY' } });
});

it('runs at the time that was said last: moved ahead, moved away, and never at the old time', async () => {
  const inMs = (ms: number) => new Date(Date.now() + ms);
  const [early, late] = [
    await troupe.submit('test.echo', 1, { runAt: inMs(3_600_000) }),
    // Far enough that a slow machine has moved it away by then.
    await troupe.submit('test.echo', 2, { runAt: inMs(5_000) }),
  ];
  const oldTime = inMs(5_000);
  expect(await troupe.reschedule(late.jobId, inMs(3_600_000))).toMatchObject({ state: 'SCHEDULED' });
  await troupe.reschedule(early.jobId, 'now');
  expect(await troupe.wait(early.jobId)).toMatchObject({ state: 'SUCCEEDED' });
  await expect(troupe.reschedule(early.jobId, 'now')).rejects.toMatchObject({
    code: 'JOB_STATE_FORBIDS',
    metadata: { state: 'SUCCEEDED' },
  });
  await cluster.waitFor('the old time is over', async () => inMs(-500) > oldTime, 30_000);
  expect(await troupe.get(late.jobId)).toMatchObject({ state: 'SCHEDULED', attempt: 0 });
  expect(await troupe.cancel(late.jobId)).toMatchObject({ state: 'CANCELLED' });
});

it.each(['drained', 'killed'])('goes on from its last checkpoint when its node is %s', async (end) => {
  const [gate, ledger] = [join(cluster.dir, `${end}.gate`), join(cluster.dir, `${end}.ledger`)];
  const start = (name: string): Promise<TestNode> =>
    cluster.startNode(name, {
      roles: ['workers'],
      threads: 1,
      handlerDirs: [checkpointHandlersDir],
      settings: { 'shutdown.graceMs': 1_000 },
    });
  const first = await start(`${end}-first`);
  const { jobId } = await troupe.submit('test.steps', { gate, ledger, steps: 4 }, { retry: once });
  await cluster.waitFor('it has saved three steps', () => readLedger(ledger).length === 1, 30_000);
  expect(await troupe.get(jobId)).toMatchObject({ state: 'RUNNING', checkpoint: { attempt: 1 } });
  await (end === 'drained' ? first.stop() : first.kill());
  const found = ['1.0', '1.1', '1.2', ...(end === 'drained' ? ['1.stopped'] : [])];
  writeFileSync(gate, '');
  const second = await start(`${end}-second`);
  expect(await troupe.wait(jobId)).toMatchObject({
    state: 'SUCCEEDED',
    attempt: 2,
    failures: 0,
    losses: 1,
    output: { attempt: 2, found, done: found },
  });
  await second.stop();
});

it('tells what attempts say: late watchers from the beginning, resumed ones once, and readers after the end', async () => {
  const gate = join(cluster.dir, 'talks.gate');
  const retry = { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1 };
  const { jobId } = await troupe.submit('test.talks', { gate, lines: 3, fails: true }, { retry });
  const lines = async () => (await troupe.log(jobId)).lines;
  await cluster.waitFor('two attempts have spoken', async () => (await lines()).length === 6, 30_000);
  const heard: string[] = [];
  let resumeToken = '';
  for await (const { log, resumeToken: token } of troupe.watch(jobId, { logs: true })) {
    heard.push(...log.lines.map(({ attempt, number, text }) => `${attempt}.${number} ${text}`));
    resumeToken = token;
    if (heard.length >= 6) break;
  }
  expect(heard).toEqual([1, 2].flatMap((attempt) => [1, 2, 3].map((n) => `${attempt}.${n} line ${n}`)));
  writeFileSync(gate, '');
  const rest: string[] = [];
  for await (const { log } of troupe.watch(jobId, { logs: true, resumeToken })) {
    rest.push(...log.lines.map(({ level, text }) => `${level} ${text}`));
  }
  expect(rest).toEqual(['warn the last one']);
  expect((await lines()).map(({ attempt, number }) => [attempt, number])).toEqual([
    ...[1, 2, 3].map((number) => [1, number]),
    ...[1, 2, 3, 4].map((number) => [2, number]),
  ]);
});

it('refuses what makes no sense, by field', async () => {
  const fields = async (steps: AsyncIterable<unknown>): Promise<unknown> => {
    try {
      for await (const _ of steps);
    } catch (error) {
      return (error as { violations: readonly { field: string }[] }).violations.map(({ field }) => field);
    }
    return [];
  };
  expect(await fields(troupe.redrive({ states: ['RUNNING'], perSecond: 20_000, redriveId: 'a b' }))).toEqual([
    ...['redrive_id', 'rate_per_second', 'filter.states[0]'],
  ]);
  expect(await fields(troupe.cancelMany({ states: ['QUEUED', 'FAILED'] }))).toEqual(['filter.states[1]']);
  expect(await fields(troupe.cancelMany({ handler: 'a b' }))).toEqual(['filter.handler']);
  await expect(troupe.submit('test.echo', 1, { uniqueKey: 'x'.repeat(257) })).rejects.toMatchObject({
    violations: [{ field: 'job.unique.key' }],
  });
});

it('holds a unique key for its window, over the end of its job and the death of its owner', async () => {
  const submit = (client: TroupeClient, uniqueWindowMs: number) =>
    client.submit('test.echo', 1, { uniqueKey: 'hourly', uniqueWindowMs });
  await expect(submit(troupe, 999)).rejects.toMatchObject({ violations: [{ field: 'job.unique.window' }] });
  const { jobId } = await submit(troupe, 3_600_000);
  expect(await troupe.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', uniqueWindowMs: 3_600_000 });
  const refusal = { code: 'UNIQUE_KEY_TAKEN', metadata: { jobId, state: 'SUCCEEDED' } };
  await expect(submit(troupe, 3_600_000)).rejects.toMatchObject(refusal);
  await node.kill();
  const successor = (await cluster.restartNode(node)).client();
  const repeated = async (): Promise<unknown> => {
    const error: unknown = await submit(successor, 1_000).catch((cause: unknown) => cause);
    return (error as { code?: string }).code === 'UNIQUE_KEY_TAKEN' && error;
  };
  expect(await cluster.waitFor('the key is answered for', repeated, 30_000)).toMatchObject(refusal);
});
