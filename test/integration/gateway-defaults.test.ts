/** What a job gets that does not say: of its handler, else of its queue; and how it says that it wants none of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobOptions, TroupeClient } from '../../src/client/index.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const manifest = { version: '1.0.0', inputKind: 'any' } as const;

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client();
  const named = (name: string, more: object): unknown => edge.manifests.set(name, { ...manifest, name, ...more });
  named('test.picky', { retry: { nonRetryableCodes: ['OF_HANDLER'] } });
  named('test.once', { retry: { maxLosses: 0 } });
  named('test.pulses', { heartbeatTimeoutMs: 5_000 });
  named('test.silent', { heartbeatTimeoutMs: 0 });
});
afterAll(() => edge.close());

async function succeed(jobId: string): Promise<void> {
  const { run } = await edge.apply(jobId, { kind: 'claim', node: 'n1', token: `t-${jobId}` });
  await edge.apply(jobId, { kind: 'report', token: run?.token ?? '', outcome: { kind: 'succeeded' } });
}

describe('codes that are not retried', () => {
  const codesOf = async (jobId: string) => (await client.get(jobId)).retry.nonRetryableCodes;
  const submitted = async (queue: string, handler: string, nonRetryableCodes?: readonly string[]) =>
    codesOf(
      (await client.submit(handler, 1, { queue, ...(nonRetryableCodes && { retry: { nonRetryableCodes } }) })).jobId,
    );

  it('takes how many attempts may be lost from the job, else the handler, else the queue', async () => {
    await client.queues.create('losses', { retry: { maxLosses: 3 } });
    const lossesOf = async (handler: string, maxLosses?: number) => {
      const retry = maxLosses === undefined ? {} : { maxLosses };
      const { jobId } = await client.submit(handler, 1, { queue: 'losses', retry });
      return (await client.get(jobId)).retry.maxLosses;
    };
    expect(await lossesOf('test.echo')).toBe(3);
    expect(await lossesOf('test.once')).toBe(0);
    expect(await lossesOf('test.once', 5)).toBe(5);
    expect(await lossesOf('test.once', 24)).toBe(24);
    await expect(lossesOf('test.echo', 25)).rejects.toMatchObject({ violations: [{ field: 'job.retry.max_losses' }] });
    const reset = await client.queues.update('losses', 1, { retry: { maxLosses: 24 } });
    expect(reset.settings.retry.maxLosses).toBe(24);
  });

  it('come from the job, else the handler, else the queue; an empty list is one too', async () => {
    const made = await client.queues.create('codes', { retry: { nonRetryableCodes: ['OF_QUEUE', 'ENOENT'] } });
    expect(made.settings.retry).toMatchObject({ maxAttempts: 3, nonRetryableCodes: ['OF_QUEUE', 'ENOENT'] });
    expect(await submitted('codes', 'test.echo')).toEqual(['OF_QUEUE', 'ENOENT']);
    expect(await submitted('codes', 'test.picky')).toEqual(['OF_HANDLER']);
    expect(await submitted('codes', 'test.picky', ['OF_JOB'])).toEqual(['OF_JOB']);
    expect(await submitted('codes', 'test.picky', [])).toBeUndefined();
    const kept = await client.queues.update('codes', 1, { retry: { maxAttempts: 7 } });
    expect(kept.settings.retry).toMatchObject({ maxAttempts: 7, nonRetryableCodes: ['OF_QUEUE', 'ENOENT'] });
    const cleared = await client.queues.update('codes', 2, { retry: { nonRetryableCodes: [] } });
    expect(cleared.settings.retry).not.toHaveProperty('nonRetryableCodes');
    expect(await submitted('codes', 'test.echo')).toBeUndefined();
  });

  it('a job that is submitted again keeps what it had, also when that was none', async () => {
    const { jobId } = await client.submit('test.picky', 1, { retry: { nonRetryableCodes: [] } });
    await succeed(jobId);
    expect(await codesOf((await client.retry(jobId)).jobId)).toBeUndefined();
  });

  it('that are none, or too many, are refused', async () => {
    const violations = async (nonRetryableCodes: readonly string[]) => {
      const error: unknown = await client
        .submit('test.echo', 1, { retry: { nonRetryableCodes } })
        .catch((e: unknown) => e);
      return (error as { violations: { field: string }[] }).violations.map(({ field }) => field);
    };
    const field = 'job.retry.non_retryable_codes.codes';
    expect(await violations(['OK', '', 'a b', '-', 'A'.repeat(65)])).toEqual(
      [1, 2, 3, 4].map((at) => `${field}[${at}]`),
    );
    expect(await violations(Array.from({ length: 33 }, (_, at) => `C${at}`))).toEqual([field]);
    const most = Array.from({ length: 32 }, (_, at) => `${at}`.padEnd(64, '.'));
    await expect(client.submit('test.echo', 1, { retry: { nonRetryableCodes: most } })).resolves.toBeDefined();
  });

  it('are part of what an idempotency key stands for', async () => {
    const options = { idempotencyKey: 'codes', retry: { nonRetryableCodes: ['A'] } };
    const first = await client.submit('test.echo', 1, options);
    expect(await client.submit('test.echo', 1, options)).toMatchObject({ jobId: first.jobId, duplicate: true });
    const other = { ...options, retry: { nonRetryableCodes: ['B'] } };
    await expect(client.submit('test.echo', 1, other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});

describe('heartbeat timeouts', () => {
  const minute = 60_000;
  const given = async (queue: string, handler: string, options: JobOptions = {}) =>
    (await client.get((await client.submit(handler, { width: 3 }, { queue, ...options })).jobId)).heartbeatTimeoutMs;

  it('come from the job, else the handler, else the queue, unless longer than the attempt may be; 0 is none', async () => {
    const made = await client.queues.create('pulse', { heartbeatTimeoutMs: minute });
    expect(made.settings).toMatchObject({ executionTimeoutMs: 5 * minute, heartbeatTimeoutMs: minute });
    expect(await given('pulse', 'test.echo')).toBe(minute);
    expect(await given('pulse', 'test.pulses')).toBe(5_000);
    expect(await given('pulse', 'test.silent')).toBeUndefined();
    expect(await given('pulse', 'test.pulses', { heartbeatTimeoutMs: 1_000 })).toBe(1_000);
    expect(await given('pulse', 'test.pulses', { heartbeatTimeoutMs: null })).toBeUndefined();
    expect(await given('pulse', 'test.echo', { executionTimeoutMs: 30_000 })).toBeUndefined();
    expect(await given('default', 'test.echo')).toBeUndefined();
    const longer = await client.queues.update('pulse', 1, { retentionMs: 3 * minute });
    expect(longer.settings).toMatchObject({ heartbeatTimeoutMs: minute });
    const none = await client.queues.update('pulse', 2, { heartbeatTimeoutMs: null });
    expect(none.settings).not.toHaveProperty('heartbeatTimeoutMs');
  });

  it('a job that is submitted again keeps what it had, also when that was none', async () => {
    const { jobId } = await client.submit('test.pulses', 1, { heartbeatTimeoutMs: null });
    await succeed(jobId);
    expect((await client.get((await client.retry(jobId)).jobId)).heartbeatTimeoutMs).toBeUndefined();
  });

  it('out of 1 s to the execution timeout are refused', async () => {
    const refused = {
      violations: [
        {
          field: 'job.heartbeat_timeout',
          description: expect.stringMatching(/^must be 1 s to the execution timeout/) as unknown,
        },
      ],
    };
    for (const heartbeatTimeoutMs of [1, 999, 5 * minute + 1, -1]) {
      await expect(client.submit('test.echo', 1, { heartbeatTimeoutMs })).rejects.toMatchObject(refused);
    }
    const options = { executionTimeoutMs: 2_000, heartbeatTimeoutMs: 2_001 };
    await expect(client.submit('test.echo', 1, options)).rejects.toMatchObject(refused);
    await expect(client.submit('test.echo', 1, { ...options, heartbeatTimeoutMs: 2_000 })).resolves.toBeDefined();
    await expect(client.queues.create('fast', options)).rejects.toMatchObject({
      violations: [{ field: 'settings.heartbeat_timeout' }],
    });
    await expect(client.queues.get('fast')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(client.queues.update('pulse', 3, { heartbeatTimeoutMs: 6 * minute })).rejects.toMatchObject({
      violations: [{ field: 'settings.heartbeat_timeout' }],
    });
  });
});
