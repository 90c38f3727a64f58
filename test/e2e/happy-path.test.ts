// What a user does on a good day, with the client of the project, against a cluster in one process.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobInfo, TroupeClient, WatchedJob, WatchedJobs } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { openStoreView, type StoreView } from '../support/fault-store.ts';

let cluster: TestCluster;
let troupe: TroupeClient;
let store: StoreView;

beforeAll(async () => {
  cluster = await startCluster();
  troupe = (await cluster.startNode('one')).client();
  store = openStoreView(cluster.sqlitePath);
});
afterAll(async () => {
  store.close();
  await cluster.stop();
});

async function run(
  handler: string,
  input: unknown,
  more: Parameters<TroupeClient['submit']>[2] = {},
): Promise<JobInfo> {
  const { jobId } = await troupe.submit(handler, input, more);
  return troupe.wait(jobId);
}

function gate(name: string): { readonly gate: string; readonly ledger: string; open(): void } {
  const path = join(cluster.dir, `${name}.gate`);
  return {
    gate: path,
    ledger: join(cluster.dir, `${name}.ledger`),
    open: () => {
      writeFileSync(path, '');
    },
  };
}

describe('payloads', () => {
  it('carries JSON there and back', async () => {
    const job = await run('test.echo', { a: [1, 'zwei', null], deep: { b: true } });
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, output: { a: [1, 'zwei', null], deep: { b: true } } });
  });

  it('carries bytes there and back', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const job = await run('test.echo', bytes);
    expect(Buffer.from(job.output as Uint8Array).equals(Buffer.from(bytes))).toBe(true);
  });

  it.each([
    ['a claim check, over 1 KiB', 5_000],
    ['an object, over 1 MiB', 1_500_000],
  ])('carries %s', async (_what, size) => {
    const before = store.payloads();
    const text = 'ä'.repeat(size / 2);
    const job = await run('test.echo', { text });
    expect(job.output).toEqual({ text });
    // Input and output lie beside the record, not in it.
    expect(store.payloads()).toBe(before + 2);
    expect(store.job(job.id)?.spec.input.kind).toBe('ref');
    expect((await troupe.get(job.id)).input).toEqual({ text });
  });

  it('refers to an output alone when the input is small', async () => {
    const job = await run('test.sized', { bytes: 3_000_000 });
    expect((job.output as Uint8Array).length).toBe(3_000_000);
  });
});

describe('watching', () => {
  it('shows every state and the progress, never goes back, and ends with the result', async () => {
    const held = gate('watched');
    const { jobId } = await troupe.submit('test.hold', { gate: held.gate, ledger: held.ledger, answer: 42 });
    const seen: WatchedJob[] = [];
    for await (const update of troupe.watch(jobId)) {
      seen.push(update);
      if (update.job.progress?.note === 'waits at the gate') held.open();
    }
    const seqs = seen.map(({ job }) => job.seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(seen.map(({ job }) => job.progress)).toContainEqual({ fraction: 0.5, note: 'waits at the gate' });
    expect(seen.at(-1)?.job).toMatchObject({ state: 'SUCCEEDED', output: 42, final: true });
    const { history } = await troupe.get(jobId);
    expect(history.map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'queued'],
      [2, 'started'],
      [3, 'succeeded'],
    ]);
  });

  it('resumes from a token without repeating what was said', async () => {
    const held = gate('resumed');
    const { jobId } = await troupe.submit('test.hold', { gate: held.gate, ledger: held.ledger });
    let token = '';
    for await (const update of troupe.watch(jobId)) {
      token = update.resumeToken;
      if (update.job.state === 'RUNNING') break;
    }
    held.open();
    const later: JobInfo[] = [];
    for await (const update of troupe.watch(jobId, { resumeToken: token })) later.push(update.job);
    expect(later.filter(({ seq, progress }) => seq <= 2 && progress === undefined)).toEqual([]);
    expect(later.at(-1)?.state).toBe('SUCCEEDED');
  });
});

describe('watching a queue', () => {
  it('tells of the jobs that match, each to its end, and goes on from any message', async () => {
    await troupe.queues.create('followed');
    const enough = new AbortController();
    const options = { queue: 'followed', labels: { batch: '7' }, signal: enough.signal };
    const watch = troupe.watchJobs(options);
    const first = await watch.next();
    expect(first.value).toMatchObject({ job: undefined, gap: false });
    const draft = (n: number) => ({ handler: 'test.echo', input: n, queue: 'followed' });
    const outcomes = await troupe.submitMany([
      ...Array.from({ length: 30 }, (_, n) => ({ ...draft(n), labels: { batch: '7' } })),
      ...Array.from({ length: 30 }, (_, n) => draft(n)),
    ]);
    const wanted = outcomes.slice(0, 30).map((outcome) => ('ok' in outcome ? outcome.ok.jobId : ''));
    const ended = async (updates: AsyncGenerator<WatchedJobs, void>): Promise<string[]> => {
      const ids = new Set<string>();
      for await (const { job } of updates) {
        if (job?.final === true) ids.add(job.id);
        if (ids.size === wanted.length) break;
      }
      return [...ids].sort();
    };
    expect(await ended(watch)).toEqual([...wanted].sort());
    const again = troupe.watchJobs({ ...options, resumeToken: first.value?.resumeToken ?? '' });
    expect(await ended(again)).toEqual([...wanted].sort());
    enough.abort();
  });
});

describe('listing', () => {
  it('shows newest first, over pages, each job once', async () => {
    await troupe.queues.create('listed');
    const outcomes = await troupe.submitMany(
      Array.from({ length: 230 }, (_, n) => ({ handler: 'test.echo', input: n, queue: 'listed' })),
    );
    const ids = outcomes.map((outcome) => ('ok' in outcome ? outcome.ok.jobId : String(outcome.error)));
    const listed: string[] = [];
    for await (const job of troupe.list({ queue: 'listed' })) listed.push(job.id);
    expect(listed).toEqual([...ids].sort().reverse());
    await Promise.all(ids.map((id) => troupe.wait(id)));
  });
});

describe('cancelling', () => {
  it('ends a waiting job at once', async () => {
    const { jobId } = await troupe.submit('test.echo', 1, { runAt: new Date(Date.now() + 600_000) });
    expect(await troupe.cancel(jobId, 'no need')).toMatchObject({ state: 'CANCELLED', cancelReason: 'no need' });
    expect((await troupe.get(jobId)).attempt).toBe(0);
  });

  it('stops a running one and says so when its code is gone', async () => {
    const held = gate('cancelled');
    const { jobId } = await troupe.submit('test.hold', { gate: held.gate, ledger: held.ledger });
    await cluster.waitFor('it runs', async () => (await troupe.get(jobId)).progress, 30_000);
    expect((await troupe.cancel(jobId)).state).toBe('CANCELLING');
    expect(await troupe.wait(jobId)).toMatchObject({ state: 'CANCELLED' });
    await expect(troupe.cancel(jobId)).resolves.toMatchObject({ state: 'CANCELLED' });
  });

  it('refuses for a job that has ended otherwise', async () => {
    const job = await run('test.echo', 1);
    await expect(troupe.cancel(job.id)).rejects.toMatchObject({
      code: 'JOB_STATE_FORBIDS',
      status: 'FAILED_PRECONDITION',
    });
  });
});

describe('attempts and times', () => {
  const quick = { initialDelayMs: 20, maxDelayMs: 50 };

  it('tries again and counts', async () => {
    const job = await run('test.flaky', { failures: 2 }, { retry: { ...quick, maxAttempts: 3 } });
    expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 3, failures: 2, losses: 0, output: { attempt: 3 } });
  });

  it('gives up after the last attempt and says why', async () => {
    const job = await run('test.flaky', { failures: 9 }, { retry: { ...quick, maxAttempts: 2 } });
    expect(job).toMatchObject({ state: 'FAILED', attempt: 2, failures: 2 });
    expect(job.failure).toMatchObject({ reason: 'HANDLER_FAILED', code: 'FLAKY', message: 'attempt 2 of 9 that fail' });
  });

  it('ends an attempt that takes too long', async () => {
    const held = gate('slow');
    const job = await run(
      'test.hold',
      { gate: held.gate, ledger: held.ledger },
      { executionTimeoutMs: 300, retry: { maxAttempts: 1 } },
    );
    expect(job).toMatchObject({ state: 'FAILED', failure: { reason: 'ATTEMPT_TIMED_OUT' } });
  });

  it('is not early', async () => {
    const runAt = new Date(Date.now() + 700);
    const job = await run('test.echo', 1, { runAt });
    const started = job.firstStartedAt?.getTime() ?? 0;
    expect(started).toBeGreaterThanOrEqual(runAt.getTime());
    // Nor forgotten until something else happens: a machine that stands still for a while is late by that.
    expect(started).toBeLessThan(runAt.getTime() + 30_000);
  });

  it('gives up a job that waited too long, and one that took too long over all', async () => {
    const held = gate('full');
    const filling = await Promise.all(
      [1, 2].map(() => troupe.submit('test.hold', { gate: held.gate, ledger: held.ledger })),
    );
    await cluster.waitFor(
      'both threads are taken',
      async () => (await Promise.all(filling.map(({ jobId }) => troupe.get(jobId)))).every((job) => job.progress),
      30_000,
    );
    const waited = await run('test.echo', 1, { queueTimeoutMs: 200 });
    // It may have been claimed ahead of a thread and given back; it never began.
    expect(waited.state).toBe('EXPIRED');
    expect(waited.firstStartedAt).toBeUndefined();
    expect(waited.failure).toBeUndefined();
    const never = await run('test.echo', 1, { runAt: new Date(Date.now() + 600_000), totalTimeoutMs: 200 });
    expect(never).toMatchObject({ state: 'EXPIRED', attempt: 0, failure: { reason: 'DEADLINE_EXCEEDED' } });
    held.open();
    for (const { jobId } of filling) expect((await troupe.wait(jobId)).state).toBe('SUCCEEDED');
    const retried = await run(
      'test.flaky',
      { failures: 99 },
      // Long enough to begin on a slow machine: what never began has EXPIRED.
      { totalTimeoutMs: 4_000, retry: { maxAttempts: 99, initialDelayMs: 100, maxDelayMs: 100 } },
    );
    expect(retried).toMatchObject({ state: 'FAILED', failure: { reason: 'DEADLINE_EXCEEDED' } });
  });
});

describe('keys', () => {
  it('is the same job for the same key and content, ALREADY_EXISTS for another content', async () => {
    const first = await troupe.submit('test.echo', { a: 1 }, { idempotencyKey: 'k1' });
    const again = await troupe.submit('test.echo', { a: 1 }, { idempotencyKey: 'k1' });
    expect(again).toMatchObject({ jobId: first.jobId, duplicate: true });
    await expect(troupe.submit('test.echo', { a: 2 }, { idempotencyKey: 'k1' })).rejects.toMatchObject({
      status: 'ALREADY_EXISTS',
      metadata: { jobId: first.jobId },
    });
  });
});
