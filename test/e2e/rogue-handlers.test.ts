// Handlers that misbehave, in a whole cluster: all that the user and the operator see of each, that neighbours finish, and
// that the node has all of its threads back. The table is test/support/rogue-handlers/rogues.ts.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { clusterHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { readLedger } from '../support/cluster-history.ts';
import { brokenFiles, rogues, type Rogue } from '../support/rogue-handlers/rogues.ts';

const support = (folder: string): string =>
  fileURLToPath(new URL(`../support/rogue-handlers/${folder}`, import.meta.url));
const delays = { initialDelayMs: 10, maxDelayMs: 20 };
const threads = 2;
/** `test.spin`: what it is given to end by itself. */
const spinGraceMs = 300;
const givenBackMax = 3;
/** What a busy machine adds to the times that the product allows itself. */
const busyMs = 15_000;
/** From the end of the rogue until all threads of the node run jobs again. */
const capacityBackMs = 10_000;

const table = rogues.map((rogue) => [rogue.what, rogue] as const);

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;
let ledger: string;

beforeAll(async () => {
  cluster = await startCluster();
  const broken = join(cluster.dir, 'broken');
  mkdirSync(broken);
  for (const [file, { source }] of Object.entries(brokenFiles)) writeFileSync(join(broken, file), source);
  node = await cluster.startNode('one', {
    handlerDirs: [clusterHandlersDir, support('zoo'), support('broken'), broken],
    threads,
    settings: { 'workers.memoryMb': 128, 'workers.cellRssMaxMb': 1_000 },
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
  const { jobId } = await troupe.submit(handler, input, { retry: { ...delays, maxAttempts: 1 }, ...more });
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
    expect(neighbour, JSON.stringify(neighbour.attempts)).toMatchObject({ state: 'SUCCEEDED', failures: 0 });
    expect(neighbour.losses).toBeLessThanOrEqual(1);
  }
  return job;
}

/** All of this name, over their labels. */
async function metric(name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** A cell that a suspect had for itself ends in order when it has been idle for a while. */
async function badExits(): Promise<number> {
  const died = await metric('troupe_cell_exits_total', 'cause="died"');
  return died + (await metric('troupe_cell_exits_total', 'cause="killed"'));
}

let meetings = 0;

/** Jobs that end only if as many run at once as the node has threads. How long that took. */
async function allThreadsRun(): Promise<number> {
  const fromMs = performance.now();
  meetings += 1;
  const folder = join(cluster.dir, `meeting-${meetings}`);
  mkdirSync(folder);
  const names = Array.from({ length: threads }, (_, n) => `guest-${n}`);
  const jobs = await Promise.all(names.map((name) => run('meets', { folder, name, of: threads })));
  for (const job of jobs) expect(job, JSON.stringify(job.attempts)).toMatchObject({ state: 'SUCCEEDED', failures: 0 });
  return performance.now() - fromMs;
}

describe('a handler that', () => {
  it.each([...table])('%s: ends as the table says, and costs nobody else', async (_what, rogue) => {
    const outcome = `outcome="${rogue.counted.outcome}"`;
    const countedBefore = await metric('troupe_runs_total', outcome);
    const exitsBefore = await badExits();
    const job = await amongNeighbours(() => runRogue(rogue));
    expect(job).toMatchObject({
      state: rogue.state,
      ...(rogue.reason !== undefined && { failure: { reason: rogue.reason } }),
      oomRetries: rogue.oomRetries ?? 0,
    });
    const { losses, lossesMax = losses } = rogue;
    expect(job.losses).toBeGreaterThanOrEqual(losses);
    expect(job.losses).toBeLessThanOrEqual(lossesMax);
    if (rogue.message !== undefined) expect(job.failure?.message).toMatch(rogue.message);
    // An attempt that waited too long for a busy thread is given back unbegun: it has a number, and counts for nothing.
    const { failures, failuresMax = failures } = rogue;
    expect(job.failures).toBeGreaterThanOrEqual(failures);
    expect(job.failures).toBeLessThanOrEqual(failuresMax);
    const attempts = rogue.attempts + job.failures - failures + job.losses - losses;
    expect(job.attempt).toBeGreaterThanOrEqual(attempts);
    expect(job.attempt).toBeLessThanOrEqual(attempts + givenBackMax);
    const backMs = await allThreadsRun();
    expect(backMs).toBeLessThan(capacityBackMs + busyMs);
    expect(await metric('troupe_threads', 'state="leaked"')).toBe(0);
    const counted = (await metric('troupe_runs_total', outcome)) - countedBefore;
    // Neighbours that went down with it, or succeeded, are counted as well.
    expect(counted).toBeGreaterThanOrEqual(rogue.counted.runs);
    const exits = (await badExits()) - exitsBefore;
    if (rogue.cell === undefined) {
      // A thread that is ended may need longer than it has on a busy machine. Then its cell is replaced.
      expect(exits).toBeGreaterThanOrEqual(job.losses - losses);
      expect(exits).toBeLessThanOrEqual(job.losses - losses + job.failures);
    } else expect(exits).toBeGreaterThanOrEqual(1);
    expect(node.isAlive).toBe(true);
    process.stderr.write(`measured: ${rogue.what}: all threads run jobs ${Math.round(backMs)} ms after its end\n`);
  });

  it.each([...Object.entries(brokenFiles)])(
    'cannot be loaded, %s: is named in the log, refused at the gateway, and the others are served',
    async (file, broken) => {
      const line = node.lines.find(({ msg, text }) => msg === 'handler file not loaded' && text.includes(file));
      expect(line?.text).toMatch(broken.reason);
      await expect(troupe.submit(broken.handler, {})).rejects.toMatchObject({ code: 'UNKNOWN_HANDLER' });
    },
  );

  it('loops for ever: its execution timeout ends it, and its code', async () => {
    const clock = join(cluster.dir, 'timeout.clock');
    const job = await amongNeighbours(() => run('test.spin', { clock }, { executionTimeoutMs: 500 }));
    expect(job).toMatchObject({ state: 'FAILED', failure: { reason: 'ATTEMPT_TIMED_OUT' } });
    const tookMs = (job.endedAt?.getTime() ?? Infinity) - (job.firstStartedAt?.getTime() ?? 0);
    expect(tookMs).toBeLessThan(500 + spinGraceMs + 2_000 + busyMs);
    await codeIsGone(clock, job);
  });

  it('loops for ever and is cancelled: CANCELLED once the code is gone, within its grace and 2 s', async () => {
    const clock = join(cluster.dir, 'cancel.clock');
    const { jobId } = await troupe.submit('test.spin', { clock });
    await cluster.waitFor('it spins', () => readFileSync(clock, 'utf8') !== '', 30_000);
    const askedMs = performance.now();
    expect((await troupe.cancel(jobId)).state).toBe('CANCELLING');
    const job = await troupe.wait(jobId);
    const tookMs = performance.now() - askedMs;
    expect(job).toMatchObject({ state: 'CANCELLED' });
    expect(job.output).toBeUndefined();
    await codeIsGone(clock, job);
    expect(tookMs).toBeLessThan(spinGraceMs + 2_000 + busyMs);
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

function runRogue({ handler, input = {}, maxAttempts = 2, ...rogue }: Rogue): Promise<JobInfo> {
  const { executionTimeoutMs, heartbeatTimeoutMs } = rogue;
  const limits = {
    ...(executionTimeoutMs !== undefined && { executionTimeoutMs }),
    ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }),
  };
  return run(handler, input, { retry: { ...delays, maxAttempts }, ...limits });
}

/** The loop wrote the time until its last moment: that was before the job had ended, and it writes no more. */
async function codeIsGone(clock: string, job: JobInfo): Promise<void> {
  const last = readFileSync(clock, 'utf8');
  expect(Number(last)).toBeLessThanOrEqual(job.endedAt?.getTime() ?? 0);
  // One job that runs to its end on the same node is more than enough time for a loop that still turned.
  await run('test.work', { n: 1, ms: 100, ledger });
  expect(readFileSync(clock, 'utf8')).toBe(last);
}
