/** Jobs through the gateway with the project's own client: what is promised, and what is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { type Edge, openEdge, payloadMaxBytes, until } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client({ retry: { maxAttempts: 4, initialMs: 5 } });
});
afterAll(() => edge.close());
beforeEach(() => {
  edge.batches.length = 0;
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

async function start(jobId: string): Promise<string> {
  const record = await edge.apply(jobId, { kind: 'claim', node: 'n1', token: `t-${jobId}` });
  if (!record.run) throw new Error('no run');
  return record.run.token;
}

async function succeed(jobId: string, output: unknown): Promise<void> {
  const token = await start(jobId);
  await edge.apply(jobId, {
    kind: 'report',
    token,
    outcome: { kind: 'succeeded', output: { kind: 'json', json: JSON.stringify(output) } },
  });
}

describe('submit and get', () => {
  it('accepts a job with the defaults of handler and queue, and shows it', async () => {
    const { jobId, state, duplicate } = await client.submit('test.resize', { width: 3 });
    expect({ state, duplicate }).toEqual({ state: 'QUEUED', duplicate: false });
    const job = await client.get(jobId);
    expect(job).toMatchObject({
      id: jobId,
      handler: 'test.resize',
      queue: 'default',
      input: { width: 3 },
      executionTimeoutMs: 7_000,
      retry: { maxAttempts: 9, initialDelayMs: 1_000, coefficient: 2, maxDelayMs: 60_000 },
      retentionMs: 7 * 86_400_000,
      seq: 1,
      final: false,
    });
    expect(job.history.map((event) => event.type)).toEqual(['queued']);
    expect(job).not.toHaveProperty('output');
  });

  it('takes every option over', async () => {
    const runAt = new Date(Date.now() + 60_000);
    const { jobId, state } = await client.submit('test.echo', new Uint8Array([0, 255]), {
      runAt,
      queueTimeoutMs: 1_500,
      executionTimeoutMs: 2_500,
      totalTimeoutMs: 3_500,
      retry: { maxAttempts: 2, initialDelayMs: 10, coefficient: 1.5, maxDelayMs: 20 },
      retentionMs: 120_000,
    });
    expect(state).toBe('SCHEDULED');
    const job = await client.get(jobId);
    expect(job).toMatchObject({
      runAt,
      queueTimeoutMs: 1_500,
      executionTimeoutMs: 2_500,
      totalTimeoutMs: 3_500,
      retry: { maxAttempts: 2, initialDelayMs: 10, coefficient: 1.5, maxDelayMs: 20 },
      retentionMs: 120_000,
    });
    expect(Buffer.from(job.input as Uint8Array)).toEqual(Buffer.from([0, 255]));
  });

  it('puts large inputs into the payload store and gives them back whole', async () => {
    const input = { text: 'ü'.repeat(20_000) };
    const { jobId } = await client.submit('test.echo', input);
    expect(edge.records.get(jobId as JobId)?.spec.input.kind).toBe('ref');
    expect((await client.get(jobId)).input).toEqual(input);
    const bytes = Buffer.alloc(5_000, 7);
    const { jobId: second } = await client.submit('test.echo', bytes);
    expect(Buffer.from((await client.get(second)).input as Uint8Array)).toEqual(bytes);
  });

  it('gathers concurrent submits into few calls and batches, in order', async () => {
    const submitted = await Promise.all(
      Array.from({ length: 100 }, (_, number) => client.submit('test.echo', { number })),
    );
    const submits = edge.batches.filter((batch) => batch.verb === 'submit');
    expect(submits.reduce((sum, batch) => sum + batch.items, 0)).toBe(100);
    expect(submits.length).toBeLessThanOrEqual(4);
    const ids = submitted.map((job) => job.jobId);
    expect(new Set(ids).size).toBe(100);
    const inputs = ids.map((id) => edge.records.get(id as JobId)?.spec.input);
    expect(inputs).toEqual(ids.map((_, number) => ({ kind: 'json', json: `{"number":${number}}` })));
  });

  it('gives each job of a batch its own outcome', async () => {
    const outcomes = await client.submitMany([
      { handler: 'test.echo', input: 1 },
      { handler: 'no.such.handler' },
      { handler: 'test.resize', input: { width: 0 } },
      { handler: 'test.echo', queue: 'nowhere' },
    ]);
    expect(outcomes[0]).toMatchObject({ ok: { state: 'QUEUED' } });
    expect(outcomes.slice(1).map((outcome) => ('error' in outcome ? outcome.error : undefined))).toMatchObject([
      { code: 'UNKNOWN_HANDLER' },
      { code: 'INVALID_JOB_SPEC', violations: [{ field: 'job.input.json/width' }] },
      { code: 'QUEUE_NOT_FOUND' },
    ]);
  });

  it('sends more jobs than one call takes', async () => {
    const outcomes = await client.submitMany(Array.from({ length: 1_200 }, () => ({ handler: 'test.echo' })));
    expect(outcomes.every((outcome) => 'ok' in outcome)).toBe(true);
    expect(new Set(outcomes.map((outcome) => 'ok' in outcome && outcome.ok.jobId)).size).toBe(1_200);
  });

  it('same key, same job; same key with other content is refused', async () => {
    const options = { idempotencyKey: 'order-17' };
    const first = await client.submit('test.echo', { a: 1 }, options);
    const again = await client.submit('test.echo', { a: 1 }, options);
    expect(again).toEqual({ ...first, duplicate: true });
    await expect(client.submit('test.echo', { a: 2 }, options)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      status: 'ALREADY_EXISTS',
      metadata: { jobId: first.jobId },
    });
  });

  it('serves finished jobs from the cache', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    await succeed(jobId, { ok: true });
    expect(await client.get(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { ok: true }, final: true });
    edge.batches.length = 0;
    expect(await client.get(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { ok: true } });
    expect(edge.batches).toEqual([]);
    const metrics = await edge.telemetry.metricsText();
    expect(metrics).toMatch(/troupe_cache_requests_total\{cache="jobs",result="hit"\} [1-9]/);
  });

  it('reads the store while the owner of the shard is away', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    edge.fates.push('SHARD_UNAVAILABLE');
    expect(await client.get(jobId)).toMatchObject({ id: jobId, state: 'QUEUED' });
  });
});

describe('shards that are away', () => {
  it('offers a job without a key to another shard', async () => {
    edge.fates.push('SHARD_UNAVAILABLE', 'SHARD_UNAVAILABLE');
    await expect(client.submit('test.echo', 1)).resolves.toMatchObject({ state: 'QUEUED' });
    expect(edge.batches.filter((batch) => batch.verb === 'submit')).toHaveLength(3);
  });

  it('does not repeat a submit without a key whose outcome is not known', async () => {
    edge.fates.push('OUTCOME_UNKNOWN');
    await expect(client.submit('test.echo', 1)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      status: 'UNAVAILABLE',
      outcome: 'unknown',
      retryAfterMs: 500,
    });
    expect(edge.batches).toHaveLength(1);
  });

  it('repeats it with a key, and it is one job', async () => {
    edge.fates.push('OUTCOME_UNKNOWN');
    const job = await client.submit('test.echo', 1, { idempotent: true });
    expect(job.duplicate).toBe(false);
    expect(edge.batches).toHaveLength(2);
  });
});

describe('list', () => {
  it('pages newest first, and knows the tokens of its own queue only', async () => {
    await client.queues.create('listed');
    const ids: string[] = [];
    for (let number = 0; number < 7; number += 1) {
      ids.push((await client.submit('test.echo', number, { queue: 'listed' })).jobId);
    }
    const seen: string[] = [];
    for await (const job of client.list({ queue: 'listed' })) seen.push(job.id);
    // Shards number their own ids: within one millisecond the order over shards is any.
    expect([...seen].sort()).toEqual([...ids].sort());
    expect(seen).toEqual([...seen].sort().reverse());
    const some: string[] = [];
    for await (const job of client.list({ queue: 'listed', limit: 3 })) some.push(job.id);
    expect(some).toEqual(seen.slice(0, 3));
  });
});

describe('cancel', () => {
  it('cancels what waits, asks what runs to stop, and leaves what has ended', async () => {
    const waiting = await client.submit('test.echo', 1);
    expect(await client.cancel(waiting.jobId, 'not needed')).toMatchObject({
      state: 'CANCELLED',
      cancelReason: 'not needed',
    });
    expect(await client.cancel(waiting.jobId)).toMatchObject({ state: 'CANCELLED', cancelReason: 'not needed' });

    const running = await client.submit('test.echo', 1);
    await start(running.jobId);
    expect(await client.cancel(running.jobId)).toMatchObject({ state: 'CANCELLING', run: { node: 'n1', attempt: 1 } });

    const ended = await client.submit('test.echo', 1);
    await succeed(ended.jobId, 1);
    await expect(client.cancel(ended.jobId)).rejects.toMatchObject({
      code: 'JOB_STATE_FORBIDS',
      status: 'FAILED_PRECONDITION',
      metadata: { jobId: ended.jobId, state: 'SUCCEEDED' },
    });
  });
});

describe('another time', () => {
  it('is given to what waits for its time; what is wrong is told by its field or its state', async () => {
    const aheadMs = (ms: number) => new Date(Date.now() + ms);
    const { jobId } = await client.submit('test.echo', 1, { runAt: aheadMs(60_000) });
    const at = aheadMs(120_000);
    expect(await client.reschedule(jobId, at)).toMatchObject({ state: 'SCHEDULED', readyAt: at });
    await expect(client.reschedule(jobId, aheadMs(8 * 86_400_000))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'run_time' }],
    });
    expect(await client.reschedule(jobId, 'now')).toMatchObject({ state: 'QUEUED' });
  });

  it('lies within the next 365 days, and the job is kept for as long as its queue says after it', async () => {
    const dayMs = 86_400_000;
    const runAt = new Date(Date.now() + 365 * dayMs);
    const { jobId } = await client.submit('test.echo', 1, { runAt });
    const { expiresAt } = await client.get(jobId);
    expect(Math.abs(expiresAt.getTime() - runAt.getTime() - 7 * dayMs)).toBeLessThan(60_000);
    const tooFar = client.submit('test.echo', 1, { runAt: new Date(runAt.getTime() + 60_000) });
    await expect(tooFar).rejects.toMatchObject({ violations: [{ field: 'job.run_time' }] });
    const tooShort = client.submit('test.echo', 1, { runAt, retentionMs: 364 * dayMs });
    await expect(tooShort).rejects.toMatchObject({ violations: [{ field: 'job.run_time' }] });
  });
});

describe('bad input: refused, and nothing stored', () => {
  async function refused(run: () => Promise<unknown>): Promise<unknown> {
    const jobs = edge.records.size;
    const error: unknown = await run().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(edge.records.size).toBe(jobs);
    expect(edge.batches.filter((batch) => batch.verb === 'submit')).toEqual([]);
    return error;
  }

  it('an unknown handler', async () => {
    const error = await refused(() => client.submit('image.nothing', {}));
    expect(error).toMatchObject({
      code: 'UNKNOWN_HANDLER',
      status: 'FAILED_PRECONDITION',
      metadata: { handler: 'image.nothing' },
    });
  });

  it('an unknown queue', async () => {
    const error = await refused(() => client.submit('test.echo', {}, { queue: 'nowhere' }));
    expect(error).toMatchObject({ code: 'QUEUE_NOT_FOUND', status: 'NOT_FOUND', metadata: { queue: 'nowhere' } });
  });

  it('an input that the schema refuses names each field', async () => {
    const error = await refused(() => client.submit('test.resize', { name: 7, colour: 'red' }));
    expect(error).toMatchObject({ code: 'INVALID_JOB_SPEC', status: 'INVALID_ARGUMENT' });
    const { violations } = error as { violations: { field: string; description: string }[] };
    expect(violations.map((violation) => violation.field).sort()).toEqual([
      'job.input.json/colour',
      'job.input.json/name',
      'job.input.json/width',
    ]);
  });

  it('bytes for a handler that takes JSON', async () => {
    const error = await refused(() => client.submit('test.resize', new Uint8Array(3)));
    expect(error).toMatchObject({ violations: [{ field: 'job.input.data', description: 'the handler takes JSON' }] });
  });

  it('JSON that is nested too deeply', async () => {
    const deep = JSON.parse('['.repeat(65) + ']'.repeat(65)) as unknown;
    const error = await refused(() => client.submit('test.echo', deep));
    expect(error).toMatchObject({ violations: [{ field: 'job.input.json' }] });
  });

  it('all that is wrong with the options at once', async () => {
    const error = await refused(() =>
      client.submit('no handler!', 1, {
        queue: 'a b',
        executionTimeoutMs: -5,
        totalTimeoutMs: 8 * 86_400_000,
        retentionMs: 1_000,
        runAt: new Date(Date.now() + 366 * 86_400_000),
        retry: { maxAttempts: 0, coefficient: 50 },
        idempotencyKey: 'k'.repeat(257),
      }),
    );
    const { violations } = error as { violations: { field: string }[] };
    expect(violations.map((violation) => violation.field).sort()).toEqual([
      'idempotency_key',
      'job.execution_timeout',
      'job.handler',
      'job.queue',
      'job.retention',
      'job.retry.coefficient',
      'job.retry.max_attempts',
      'job.run_time',
      'job.total_timeout',
    ]);
  });

  it('an input over the limit', async () => {
    const error = await refused(() => client.submit('test.echo', new Uint8Array(payloadMaxBytes + 1)));
    expect(error).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      status: 'INVALID_ARGUMENT',
      retryable: false,
      metadata: { payloadBytes: String(payloadMaxBytes + 1), payloadMaxBytes: String(payloadMaxBytes) },
      violations: [{ field: 'job.input' }],
    });
    await expect(client.submit('test.echo', new Uint8Array(payloadMaxBytes))).resolves.toMatchObject({
      state: 'QUEUED',
    });
  });

  it('a message over the limit of the server', async () => {
    const error = await refused(() => client.submit('test.echo', new Uint8Array(payloadMaxBytes + 2 * 1_048_576)));
    expect(error).toMatchObject({ status: 'RESOURCE_EXHAUSTED', retryable: false });
  });

  it('ids that are none, and jobs that are not there', async () => {
    await expect(client.get('nonsense')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'job_id' }],
    });
    for (const absent of ['019abcde-0000-7000-8000-000000000000', '019abcde-0000-7fff-8000-000000000000']) {
      await expect(client.get(absent)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', metadata: { jobId: absent } });
      await expect(client.cancel(absent)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
  });
});

describe('watch', () => {
  it('shows the present, each change and progress, and ends with the output', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { job } of client.watch(jobId)) {
        seen.push(job.progress ? `${job.state} ${job.progress.fraction}` : job.state);
        if (job.final) return job;
      }
      return undefined;
    })();
    await until('snapshot', () => seen.length === 1);
    const token = await start(jobId);
    await until('running', () => seen.length === 2);
    edge.progress(jobId, 0.5, 'half');
    await until('progress', () => seen.length === 3);
    await edge.apply(jobId, {
      kind: 'report',
      token,
      outcome: { kind: 'succeeded', output: { kind: 'json', json: '[1]' } },
    });
    expect(await watching).toMatchObject({ state: 'SUCCEEDED', output: [1] });
    expect(seen).toEqual(['QUEUED', 'RUNNING', 'RUNNING 0.5', 'SUCCEEDED']);
    await until('unsubscribed', () => edge.watchers() === 0);
  });

  it('tells a finished job at once, also to wait and to a resumed watch', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    await succeed(jobId, 'done');
    expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', output: 'done' });
    const [first] = await collect(client.watch(jobId));
    const resumed = await collect(client.watch(jobId, { resumeToken: first?.resumeToken ?? '' }));
    expect(resumed.map(({ job }) => job.state)).toEqual(['SUCCEEDED']);
  });

  it('continues after a token without repeating what was seen', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    const watch = client.watch(jobId);
    const first = await watch.next();
    await watch.return();
    await until('unsubscribed', () => edge.watchers() === 0);
    if (first.done === true) throw new Error('the watch ended');
    await edge.apply(jobId, { kind: 'cancel', reason: '' });
    const rest = await collect(client.watch(jobId, { resumeToken: first.value.resumeToken }));
    expect(rest.map(({ job }) => job.state)).toEqual(['CANCELLED']);
  });

  it('refuses the token of another job', async () => {
    const [one, two] = await Promise.all([client.submit('test.echo', 1), client.submit('test.echo', 2)]);
    const watch = client.watch(one.jobId);
    const first = await watch.next();
    await watch.return();
    const resumeToken = first.done === true ? '' : first.value.resumeToken;
    for (const bad of [resumeToken, 'garbage', `${resumeToken}=`]) {
      await expect(client.watch(two.jobId, { resumeToken: bad }).next()).rejects.toMatchObject({
        code: 'INVALID_RESUME_TOKEN',
        status: 'INVALID_ARGUMENT',
        violations: [{ field: 'resume_token' }],
      });
    }
  });

  it('lets go of everything when the client goes in the middle', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    const leaving = edge.client();
    const watch = leaving.watch(jobId);
    await watch.next();
    await until('subscribed', () => edge.watchers() === 1);
    const next = watch.next();
    leaving.close();
    await expect(next).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    await until('unsubscribed', () => edge.watchers() === 0);
  });

  it('ends with the signal of the caller', async () => {
    const { jobId } = await client.submit('test.echo', 1);
    const controller = new AbortController();
    const watch = client.watch(jobId, { signal: controller.signal });
    await watch.next();
    const next = watch.next();
    controller.abort();
    await expect(next).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    await until('unsubscribed', () => edge.watchers() === 0);
  });

  it('goes on at another gateway when its own shuts down', async () => {
    const first = await edge.openGateway();
    const { jobId } = await client.submit('test.echo', 1);
    const roaming = edge.client({ address: `127.0.0.1:${first.port}`, retry: { maxMs: 100 } });
    const watch = roaming.watch(jobId);
    await watch.next();
    const rest = collect(watch);
    await first.gateway.stop(2_000);
    const second = await edge.openGateway({ port: first.port });
    await edge.apply(jobId, { kind: 'cancel', reason: '' });
    expect((await rest).map(({ job }) => job.state)).toEqual(['CANCELLED']);
    await second.gateway.stop(2_000);
  });
});
