// What a gateway refuses: with which status, naming what, and that nothing is left of it in the store or in NATS.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { type EventSubscriber, subscribeLive } from '../support/cluster-events.ts';
import { openStoreView, type StoreView } from '../support/fault-store.ts';
import { clientByReflection, type DynamicClient } from '../support/grpc-reflection.ts';

let cluster: TestCluster;
let node: TestNode;
let troupe: TroupeClient;
let jobs: DynamicClient;
let store: StoreView;
let live: EventSubscriber;

const mebibyte = 1_048_576;

beforeAll(async () => {
  cluster = await startCluster({ settings: { 'gateway.payloadMaxBytes': 2 * mebibyte } });
  node = await cluster.startNode('one');
  troupe = node.client();
  jobs = await clientByReflection(node.address ?? '', 'troupe.v1.Jobs');
  store = openStoreView(cluster.sqlitePath);
  live = await subscribeLive(cluster.broker.url, cluster.root);
});
afterAll(async () => {
  await live.close();
  jobs.close();
  store.close();
  await cluster.stop();
});

interface Stored {
  readonly jobs: number;
  readonly payloads: number;
  readonly keys: number;
  readonly queues: number;
  readonly events: number;
}

async function stored(): Promise<Stored> {
  await live.connection.flush();
  return {
    jobs: store.jobs().length,
    payloads: store.payloads(),
    keys: store.keys(),
    queues: store.queues(),
    events: live.events.length,
  };
}

/** One job that is all right: afterwards everything that was before it has arrived, or never will. */
async function fence(): Promise<void> {
  const { jobId } = await troupe.submit('test.echo', 'fence');
  const { seq } = await troupe.wait(jobId);
  await cluster.waitFor('the events of the fence', () => live.ofJob(jobId).length === seq, 30_000);
}
/** What `fence` itself leaves. */
const ofFence = { jobs: 1, events: 3 };

interface Refused {
  readonly what: string;
  readonly call: () => Promise<unknown>;
  readonly status: string;
  readonly code: string;
  readonly field?: string;
}

const refusals: readonly Refused[] = [
  {
    what: 'an unknown handler',
    call: () => troupe.submit('no.such.handler', 1),
    status: 'FAILED_PRECONDITION',
    code: 'UNKNOWN_HANDLER',
  },
  {
    what: 'an unknown queue',
    call: () => troupe.submit('test.echo', 1, { queue: 'nowhere' }),
    status: 'NOT_FOUND',
    code: 'QUEUE_NOT_FOUND',
  },
  {
    what: 'a handler that cannot be a name',
    call: () => troupe.submit('../../etc/passwd', 1),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.handler',
  },
  {
    what: 'a queue that cannot be a name',
    call: () => troupe.submit('test.echo', 1, { queue: 'a.b>' }),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.queue',
  },
  {
    what: 'an input that breaks the schema',
    call: () => troupe.submit('test.sized', { bytes: 1, page: { width: 1_000 } }),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.input.json/page/width',
  },
  {
    what: 'an input without a required field',
    call: () => troupe.submit('test.sized', {}),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.input.json/bytes',
  },
  {
    what: 'a priority that is none',
    call: () => troupe.submit('test.echo', 1, { priority: 5 }),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.priority',
  },
  {
    what: 'bytes for a handler that takes JSON',
    call: () => troupe.submit('test.sized', new Uint8Array(4)),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.input.data',
  },
  {
    what: 'an input over the limit',
    call: () => troupe.submit('test.echo', new Uint8Array(2 * mebibyte + 1)),
    status: 'INVALID_ARGUMENT',
    code: 'PAYLOAD_TOO_LARGE',
    field: 'job.input',
  },
  {
    what: 'a timeout that is no time',
    call: () => troupe.submit('test.echo', 1, { executionTimeoutMs: 8 * 86_400_000 }),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.execution_timeout',
  },
  {
    what: 'a start beyond the retention',
    call: () => troupe.submit('test.echo', 1, { runAt: new Date(Date.now() + 400 * 86_400_000) }),
    status: 'INVALID_ARGUMENT',
    code: 'INVALID_JOB_SPEC',
    field: 'job.run_time',
  },
  {
    what: 'a deadline that has passed',
    call: () => troupe.submit('test.echo', 1, { timeoutMs: -1 }),
    status: 'DEADLINE_EXCEEDED',
    code: 'CALL_DEADLINE_EXCEEDED',
  },
];

describe('a submit is refused and leaves nothing behind:', () => {
  beforeEach(fence);

  it.each(refusals)('$what', async ({ call, status, code, field }) => {
    const before = await stored();
    const error = await call().then(
      () => undefined,
      (refused: unknown) => refused,
    );
    expect(error).toMatchObject({ status, code });
    if (field !== undefined) {
      const { violations } = error as { violations: readonly { field: string; description: string }[] };
      expect(violations.map((violation) => violation.field)).toContain(field);
      expect(violations[0]?.description).not.toBe('');
    }
    await fence();
    expect(await stored()).toEqual({
      ...before,
      jobs: before.jobs + ofFence.jobs,
      events: before.events + ofFence.events,
    });
  });

  it('a key that was used for another content', async () => {
    const first = await troupe.submit('test.echo', { a: 1 }, { idempotencyKey: 'taken' });
    await troupe.wait(first.jobId);
    await fence();
    // The key of an ended job is written a moment after its end.
    await cluster.waitFor('the key is written', async () => (await stored()).keys === 1, 30_000);
    const before = await stored();
    for (const input of [{ a: 2 }, { a: 1, b: 'x'.repeat(5_000) }]) {
      await expect(troupe.submit('test.echo', input, { idempotencyKey: 'taken' })).rejects.toMatchObject({
        status: 'ALREADY_EXISTS',
        code: 'IDEMPOTENCY_KEY_REUSED',
        metadata: { jobId: first.jobId },
      });
    }
    await fence();
    const after = await stored();
    // The payload of the second one was written before its shard could refuse it: an orphan that expires by itself.
    expect({ ...after, payloads: before.payloads }).toEqual({
      ...before,
      jobs: before.jobs + ofFence.jobs,
      events: before.events + ofFence.events,
    });
    expect(after.payloads - before.payloads).toBeLessThanOrEqual(1);
    expect(await troupe.get(first.jobId)).toMatchObject({ output: { a: 1 } });
  });

  it('in a batch: the bad ones alone', async () => {
    const before = await stored();
    const outcomes = await troupe.submitMany([
      { handler: 'test.echo', input: 1 },
      { handler: 'no.such.handler', input: 1 },
      { handler: 'test.sized', input: { bytes: -1 } },
      { handler: 'test.echo', input: 2 },
    ]);
    expect(outcomes.map((outcome) => ('ok' in outcome ? 'ok' : (outcome.error as { code: string }).code))).toEqual([
      'ok',
      'UNKNOWN_HANDLER',
      'INVALID_JOB_SPEC',
      'ok',
    ]);
    expect(store.jobs().length).toBe(before.jobs + 2);
    for (const outcome of outcomes) if ('ok' in outcome) await troupe.wait(outcome.ok.jobId);
    await fence();
  });
});

describe('a question is refused:', () => {
  const refusedBy = (call: () => Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> =>
    call().then(
      () => {
        throw new Error('it was not refused');
      },
      (error: unknown) => error as { code: number; details: string },
    );
  const invalidArgument = 3;
  const notFound = 5;

  it.each([
    ['a page token of nobody', () => jobs.unary('ListJobs', { page_token: 'bm90IGEgdG9rZW4' }), invalidArgument],
    ['a page token that is garbage', () => jobs.unary('ListJobs', { page_token: '\u0000ä' }), invalidArgument],
    ['a queue that is not there', () => jobs.unary('ListJobs', { queue: 'nowhere' }), notFound],
    ['a state that is none', () => jobs.unary('ListJobs', { filter: { states: [99] } }), invalidArgument],
    ['a handler name that is none', () => jobs.unary('ListJobs', { filter: { handler: 'a b' } }), invalidArgument],
    // The entries of a map, as a client without generated code sees them.
    [
      'a label that is none',
      () => jobs.unary('ListJobs', { filter: { labels: [{ key: '-', value: 'x' }] } }),
      invalidArgument,
    ],
    [
      'a range of time that is empty',
      () => jobs.unary('ListJobs', { filter: { created_from: { seconds: 20 }, created_before: { seconds: 20 } } }),
      invalidArgument,
    ],
    ['an id that is none', () => jobs.unary('GetJob', { job_id: '42' }), invalidArgument],
    ['no id', () => jobs.unary('GetJob', {}), invalidArgument],
    ['the id of no job', () => jobs.unary('GetJob', { job_id: '01960000-0000-7000-8000-000000000000' }), notFound],
    ['a cancel of no job', () => jobs.unary('CancelJob', { job_id: '01960000-0000-7000-8000-000000000000' }), notFound],
    ['a batch of none', () => jobs.unary('SubmitJobs', { requests: [] }), invalidArgument],
    [
      'a batch of too many',
      () => jobs.unary('SubmitJobs', { requests: new Array(1_001).fill({ job: { handler: 'test.echo' } }) }),
      invalidArgument,
    ],
  ])('%s', async (_what, call, code) => {
    const before = await stored();
    expect(await refusedBy(call)).toMatchObject({ code });
    expect(await stored()).toEqual(before);
  });

  it('the page token of another list', async () => {
    await troupe.queues.create('paged');
    await troupe.submitMany(Array.from({ length: 3 }, () => ({ handler: 'test.echo', queue: 'paged' })));
    const { next_page_token: nextPageToken } = await jobs.unary('ListJobs', { queue: 'paged', page_size: 1 });
    expect(nextPageToken).not.toBe('');
    for (const other of [
      {},
      { queue: 'paged', oldest_first: true },
      { queue: 'paged', filter: { handler: 'test.echo' } },
    ]) {
      const refused = await refusedBy(() => jobs.unary('ListJobs', { ...other, page_token: nextPageToken }));
      expect(refused).toMatchObject({ code: invalidArgument });
    }
  });

  it('the resume token of another job', async () => {
    const [one, other] = await Promise.all([troupe.submit('test.echo', 1), troupe.submit('test.echo', 2)]);
    let token = '';
    for await (const { resumeToken } of troupe.watch(one.jobId)) token = resumeToken;
    const watch = troupe.watch(other.jobId, { resumeToken: token });
    await expect(watch.next()).rejects.toMatchObject({ code: 'INVALID_RESUME_TOKEN', status: 'INVALID_ARGUMENT' });
  });
});

describe('a watch of a queue', () => {
  const begin = async (options: Parameters<typeof troupe.watchJobs>[0]) => troupe.watchJobs(options).next();

  it('refuses a queue that is not there', async () => {
    await expect(begin({ queue: 'nowhere' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND', status: 'NOT_FOUND' });
  });

  it('refuses the resume token of something else, and names the field', async () => {
    const { value } = await begin({});
    await troupe.queues.create('token-of-another');
    const token = value?.resumeToken ?? '';
    for (const options of [{ queue: 'token-of-another', resumeToken: token }, { resumeToken: 'made-up' }]) {
      await expect(begin(options)).rejects.toMatchObject({
        code: 'INVALID_RESUME_TOKEN',
        violations: [{ field: 'resume_token' }],
      });
    }
  });

  it('refuses a wrong filter, and names the field', async () => {
    await expect(begin({ handler: '!' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'filter.handler' }],
    });
  });
});

describe('a client that goes away', () => {
  it('in the middle of a watch: the gateway forgets it, the job goes on', async () => {
    const gate = join(cluster.dir, 'left.gate');
    const { jobId } = await troupe.submit('test.hold', { gate, ledger: join(cluster.dir, 'left.ledger') });
    const stream = jobs.stream('WatchJob', { job_id: jobId });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    const open = async (): Promise<string | undefined> => {
      const text = await (await fetch(`${node.httpUrl}/metrics`)).text();
      return /^troupe_\w*watch\w*(?:\{[^}]*\})? (\d+)$/m.exec(text)?.[1];
    };
    const during = await open();
    stream.cancel();
    if (during !== undefined)
      await cluster.waitFor('the watch is forgotten', async () => Number(await open()) < Number(during), 30_000);
    expect((await troupe.get(jobId)).final).toBe(false);
    writeFileSync(gate, '');
    expect((await troupe.wait(jobId)).state).toBe('SUCCEEDED');
  });

  it('by killing its connection while it submits: the job is there whole or not at all', async () => {
    const before = store.jobs().length;
    const leaver = node.client({ retry: { maxAttempts: 1 } });
    const submits = Array.from({ length: 20 }, (_, n) =>
      leaver
        .submit('test.echo', n, { idempotencyKey: `left-${n}`, signal: AbortSignal.timeout(3) })
        .catch(() => undefined),
    );
    await Promise.all(submits);
    leaver.close();
    // The same keys again: whatever had arrived is found, the rest is made now, and each is there once.
    const ids = await Promise.all(
      submits.map((_, n) => troupe.submit('test.echo', n, { idempotencyKey: `left-${n}` }).then(({ jobId }) => jobId)),
    );
    expect(new Set(ids).size).toBe(20);
    expect(store.jobs().length).toBe(before + 20);
    for (const id of ids) expect((await troupe.wait(id)).state).toBe('SUCCEEDED');
  });
});
