/** Queues through the gateway: made, changed, looked at, and full. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client({ retry: { maxAttempts: 4, initialMs: 5 } });
});
afterAll(() => edge.close());

describe('queues', () => {
  it('makes, shows, lists and changes them, one change at a time', async () => {
    const made = await client.queues.create('thumbs', { executionTimeoutMs: 1_000, retry: { maxAttempts: 1 } });
    expect(made).toMatchObject({ name: 'thumbs', version: 1, settings: { executionTimeoutMs: 1_000 } });
    expect(made.settings.retry).toEqual({
      maxAttempts: 1,
      initialDelayMs: 1_000,
      coefficient: 2,
      maxDelayMs: 60_000,
      maxLosses: 24,
    });
    await expect(client.queues.create('thumbs')).rejects.toMatchObject({
      code: 'QUEUE_EXISTS',
      status: 'ALREADY_EXISTS',
    });
    const changed = await client.queues.update('thumbs', 1, { retentionMs: 60_000 });
    expect(changed).toMatchObject({ version: 2, settings: { executionTimeoutMs: 1_000, retentionMs: 60_000 } });
    await expect(client.queues.update('thumbs', 1, {})).rejects.toMatchObject({
      code: 'QUEUE_VERSION_CONFLICT',
      status: 'ABORTED',
    });
    expect(await client.queues.get('thumbs')).toEqual(changed);
    const { jobId } = await client.submit('test.echo', 1, { queue: 'thumbs' });
    expect(await client.get(jobId)).toMatchObject({ executionTimeoutMs: 1_000, retentionMs: 60_000 });
    const names: string[] = [];
    for await (const queue of client.queues.list()) names.push(queue.name);
    expect(names).toContain('thumbs');
    expect(names).toEqual([...names].sort());
  });

  it('refuses bad settings by their names', async () => {
    await expect(
      client.queues.create('bad name', {
        executionTimeoutMs: 0,
        retry: { maxAttempts: 101, maxLosses: 25, initialDelayMs: 5, maxDelayMs: 1 },
      }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [
        { field: 'name' },
        { field: 'settings.execution_timeout' },
        { field: 'settings.retry.max_attempts' },
        { field: 'settings.retry.max_losses' },
        { field: 'settings.retry.max_delay' },
      ],
    });
    await expect(client.queues.get('absent')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND', status: 'NOT_FOUND' });
  });
});

describe('a queue with limits', () => {
  it('refuses what is over them, says which and for how long, and takes it once they are lifted', async () => {
    const impatient = edge.client({ retry: { maxAttempts: 1 } });
    const made = await impatient.queues.create('limited', { maxDepth: 2, maxBytes: 1_000 });
    expect(made.settings).toMatchObject({ maxDepth: 2, maxBytes: 1_000 });
    const submit = (input: unknown = 1) => impatient.submit('test.echo', input, { queue: 'limited' });
    await expect(submit('x'.repeat(1_000))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      violations: [{ field: 'job.input' }],
    });
    const first = await submit();
    await submit();
    await expect(submit()).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      status: 'RESOURCE_EXHAUSTED',
      outcome: 'none',
      metadata: { queue: 'limited', limit: 'max_depth', max: '2', held: '2' },
    });
    const counted = async (): Promise<boolean> => (await impatient.queues.stats('limited')).waiting === 2;
    await until('both are counted', counted);
    await impatient.cancel(first.jobId);
    const accepted = (): Promise<boolean> => submit().then(Boolean, () => false);
    await until('there is room again', accepted);
    const lifted = await impatient.queues.update('limited', 1, { maxDepth: null });
    expect(lifted.settings).toMatchObject({ maxBytes: 1_000 });
    expect(lifted.settings).not.toHaveProperty('maxDepth');
    await Promise.all([submit(), submit(), submit()]);
  });

  it('refuses limits that are none by their names, and statistics of no queue', async () => {
    const bad = { maxDepth: 100_000_001, maxBytes: 2 ** 50 + 2 };
    await expect(client.queues.create('unlimited', bad)).rejects.toMatchObject({
      violations: [{ field: 'settings.max_depth' }, { field: 'settings.max_bytes' }],
    });
    await expect(client.queues.stats('absent')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('takes a job that would rather be refused than late while there is no estimate, and says so in the job', async () => {
    const { jobId } = await client.submit('test.echo', 1, { queueTimeoutMs: 60_000, refuseLate: true });
    expect(await client.get(jobId, { explain: true })).toMatchObject({ waiting: { reason: 'BEHIND_OTHERS' } });
    expect(await client.get(jobId)).not.toHaveProperty('waiting');
    expect(edge.records.get(jobId as JobId)?.spec.refuseLate).toBe(true);
  });
});
