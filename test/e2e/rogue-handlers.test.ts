// Handlers that misbehave, in a whole cluster: the outcome that the user sees, and that the neighbours finish.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { clusterHandlersDir, startCluster } from '../support/cluster.ts';
import type { TestCluster, TestNode } from '../support/cluster.ts';
import { readLedger } from '../support/cluster-history.ts';

const zooDir = fileURLToPath(new URL('../support/rogue-handlers/zoo', import.meta.url));
const once = { maxAttempts: 1, initialMs: 10, maxMs: 20 };
/** `test.spin`: what it is given to end by itself. */
const spinGraceMs = 300;

/** Which of both depends on who hears of the stray error first, the run or the end of its thread. */
const crashed: unknown = expect.stringMatching(/HANDLER_FAILED|THREAD_CRASHED/);

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;
let ledger: string;

beforeAll(async () => {
  cluster = await startCluster();
  node = await cluster.startNode('one', {
    handlerDirs: [clusterHandlersDir, zooDir],
    settings: { 'workers.memoryMb': 128 },
  });
  troupe = node.client();
  ledger = join(cluster.dir, 'neighbours.ledger');
});
afterAll(() => cluster.stop());

async function run(
  handler: string,
  input: unknown = {},
  more: Parameters<TroupeClient['submit']>[2] = {},
): Promise<JobInfo> {
  const { jobId } = await troupe.submit(handler, input, { retry: once, ...more });
  return troupe.wait(jobId);
}

/** Runs the rogue among jobs that are all right; those must end well, with at most one attempt that was lost. */
async function amongNeighbours(rogue: () => Promise<JobInfo>): Promise<JobInfo> {
  const drafts = Array.from({ length: 12 }, (_, n) => ({ handler: 'test.work', input: { n, ms: 60, ledger } }));
  const half = await troupe.submitMany(drafts.slice(0, 6));
  const bad = rogue();
  const rest = await troupe.submitMany(drafts.slice(6));
  const job = await bad;
  for (const outcome of [...half, ...rest]) {
    if ('error' in outcome) throw outcome.error;
    const neighbour = await troupe.wait(outcome.ok.jobId);
    expect(neighbour).toMatchObject({ state: 'SUCCEEDED', failures: 0 });
    expect(neighbour.losses).toBeLessThanOrEqual(1);
  }
  return job;
}

describe('a handler that', () => {
  it.each([
    ['throws', 'throws', { what: 'error' }, { reason: 'HANDLER_FAILED', code: 'ENOSPC', message: 'the disk is full' }],
    ['rejects with nothing', 'throws', { what: 'undefined' }, { reason: 'HANDLER_FAILED' }],
    ['says that no retry helps', 'throws', { what: 'reject' }, { reason: 'HANDLER_REJECTED', code: 'NOT_AN_IMAGE' }],
    ['throws in a timer', 'strays', { what: 'timer' }, { reason: crashed }],
    ['leaves a rejection', 'strays', { what: 'late rejection' }, { reason: crashed }],
    ['exits the process', 'exits', {}, { reason: 'THREAD_CRASHED' }],
    ['fills its heap', 'hoards', {}, { reason: 'OUT_OF_MEMORY' }],
    ['returns what cannot be recorded', 'uncloneable', { what: 'function' }, { reason: 'INVALID_OUTPUT' }],
  ])('%s: FAILED, and its neighbours finish', async (_what, handler, input, failure) => {
    const job = await amongNeighbours(() => run(handler, input));
    expect(job).toMatchObject({ state: 'FAILED', failure });
  });

  it.each([
    ['kills its process', 'kills'],
    ['makes V8 abort', 'explodes'],
  ])('%s: FAILED with POISON after three deaths, and its neighbours finish', async (_what, handler) => {
    const job = await amongNeighbours(() => run(handler, {}, { retry: { ...once, maxAttempts: 9 } }));
    expect(job).toMatchObject({ state: 'FAILED', failure: { reason: 'POISON' } });
    expect(job.attempt).toBeLessThanOrEqual(4);
    expect(node.isAlive).toBe(true);
  });

  it('loops for ever: its execution timeout ends it, and its code', async () => {
    const clock = join(cluster.dir, 'timeout.clock');
    const job = await amongNeighbours(() => run('test.spin', { clock }, { executionTimeoutMs: 500 }));
    expect(job).toMatchObject({ state: 'FAILED', failure: { reason: 'ATTEMPT_TIMED_OUT' } });
    const tookMs = (job.finishedAt?.getTime() ?? Infinity) - (job.firstStartedAt?.getTime() ?? 0);
    expect(tookMs).toBeLessThan(500 + spinGraceMs + 2_000);
    await codeIsGone(clock, job);
  });

  it('loops for ever and is cancelled: CANCELLED once the code is gone, within its grace and 2 s', async () => {
    const clock = join(cluster.dir, 'cancel.clock');
    const { jobId } = await troupe.submit('test.spin', { clock });
    await cluster.waitFor('it spins', () => readFileSync(clock, 'utf8') !== '', 10_000);
    const askedMs = performance.now();
    expect((await troupe.cancel(jobId)).state).toBe('CANCELLING');
    const job = await troupe.wait(jobId);
    const tookMs = performance.now() - askedMs;
    expect(job).toMatchObject({ state: 'CANCELLED' });
    expect(job.output).toBeUndefined();
    await codeIsGone(clock, job);
    expect(tookMs).toBeLessThan(spinGraceMs + 2_000);
    process.stderr.write(`measured: cancel of an endless loop ${Math.round(tookMs)} ms\n`);
  });

  it('is cancelled between its end and the report: no result is ever recorded', async () => {
    for (let n = 0; n < 20; n += 1) {
      const { jobId } = await troupe.submit('test.work', { n, ms: 5, ledger });
      const asked = await troupe.cancel(jobId).catch((error: unknown) => error as { code: string });
      const job = await troupe.wait(jobId);
      if ('code' in asked) expect([asked.code, job.state]).toEqual(['JOB_STATE_FORBIDS', 'SUCCEEDED']);
      else expect([job.state, job.output]).toEqual(['CANCELLED', undefined]);
    }
  });

  it('leaves the node as it was: new jobs run on all threads', async () => {
    const drafts = Array.from({ length: 10 }, (_, n) => ({ handler: 'test.work', input: { n, ms: 20, ledger } }));
    for (const outcome of await troupe.submitMany(drafts)) {
      if ('error' in outcome) throw outcome.error;
      expect(await troupe.wait(outcome.ok.jobId)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    }
    expect(readLedger(ledger).length).toBeGreaterThan(0);
  });
});

/** The loop wrote the time until its last moment: that was before the job had ended, and it writes no more. */
async function codeIsGone(clock: string, job: JobInfo): Promise<void> {
  const last = readFileSync(clock, 'utf8');
  expect(Number(last)).toBeLessThanOrEqual(job.finishedAt?.getTime() ?? 0);
  // One job that runs to its end on the same node is more than enough time for a loop that still turned.
  await run('test.work', { n: 1, ms: 100, ledger });
  expect(readFileSync(clock, 'utf8')).toBe(last);
}
