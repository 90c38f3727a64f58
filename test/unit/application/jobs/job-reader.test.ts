import { describe, expect, it } from 'vitest';
import { createJobReader } from '../../../../src/application/jobs/job-reader.ts';
import type { JobView } from '../../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { JobRecord } from '../../../../src/domain/job.ts';
import { composeJobId, idTimeMaxMs } from '../../../../src/domain/job-id.ts';
import { mayEverything } from '../../../support/callers.ts';
import { testRecord } from '../../../support/jobs.ts';

const asking = { tenant: 'default', principal: mayEverything };
const record = testRecord();
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(stored?: JobRecord) {
  const asked: { answer(view: JobView): void; fail(error: Error): void }[] = [];
  const cached = new Map<string, JobRecord>();
  const call = () =>
    new Promise<JobView>((resolve, reject) => {
      asked.push({ answer: resolve, fail: reject });
    });
  const reader = createJobReader({
    batcher: { call: call, queued: () => 0, close: () => undefined },
    store: { findJob: async () => stored },
    cache: { get: (id) => cached.get(id), put: (job) => void cached.set(job.id, job) },
    shardCount: 4,
  });
  return { reader, asked, cached };
}

describe('job reader', () => {
  it('shares reads, but never one that began before the question', async () => {
    const { reader, asked } = setUp();
    const first = reader.read(asking, record.id);
    await settle();
    const later = Array.from({ length: 50 }, () => reader.read(asking, record.id));
    await settle();
    expect(asked).toHaveLength(1);
    asked[0]?.answer({ record });
    expect((await first).record).toBe(record);
    await settle();
    expect(asked).toHaveLength(2);
    const newer = { ...record, seq: 2 };
    asked[1]?.answer({ record: newer });
    for (const view of await Promise.all(later)) expect(view.record).toBe(newer);
    await settle();
    expect(asked).toHaveLength(2);
  });

  it('begins anew after a read that failed', async () => {
    const { reader, asked } = setUp();
    const first = reader.read(asking, record.id);
    await settle();
    const second = reader.read(asking, record.id);
    asked[0]?.fail(new TroupeError('OVERLOADED'));
    await expect(first).rejects.toMatchObject({ code: 'OVERLOADED' });
    await settle();
    asked[1]?.answer({ record });
    expect((await second).record).toBe(record);
  });

  it('asks the store while the owner is away or does not have the job in memory, and only then', async () => {
    for (const code of ['SHARD_UNAVAILABLE', 'OUTCOME_UNKNOWN', 'BROKER_UNAVAILABLE', 'JOB_NOT_FOUND'] as const) {
      const { reader, asked } = setUp(record);
      const read = reader.read(asking, record.id);
      await settle();
      asked[0]?.fail(new TroupeError(code));
      expect((await read).record).toBe(record);
    }
    const { reader, asked } = setUp(record);
    const read = reader.read(asking, record.id);
    await settle();
    asked[0]?.fail(new TroupeError('OVERLOADED'));
    await expect(read).rejects.toMatchObject({ code: 'OVERLOADED' });
  });

  it('asks the store when the owner answers with less than an event has told, and only then', async () => {
    const newer = { ...record, seq: record.seq + 2 };
    const { reader, asked } = setUp(newer);
    const read = reader.read(asking, record.id, record.seq + 1);
    await settle();
    asked[0]?.answer({ record });
    expect((await read).record).toBe(newer);
    const other = reader.read(asking, record.id, record.seq);
    await settle();
    asked[1]?.answer({ record });
    expect((await other).record).toBe(record);
  });

  it('says of a job of another tenant that it is not there, cached or not', async () => {
    const { reader, asked } = setUp();
    const finished: JobRecord = { ...record, state: 'SUCCEEDED' };
    const own = reader.read(asking, record.id);
    await settle();
    asked[0]?.answer({ record: finished });
    await own;
    await expect(reader.read({ ...asking, tenant: 'other' }, record.id)).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    });
    expect(asked).toHaveLength(1);
  });

  it('says the same of a job in a queue of which the caller sees the settings and no jobs; of one that it sees, what it lacks', async () => {
    const { reader, cached } = setUp();
    cached.set(record.id, record);
    const onlyIn = new Map([['jobs.manage', ['other']] as const]);
    const sees = { ...asking, needs: 'jobs.manage', principal: { ...mayEverything, onlyIn } } as const;
    await expect(reader.read(sees, record.id)).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
    const hidden = new Map([...onlyIn, ['jobs.read', ['other']] as const]);
    const asks = { ...sees, principal: { ...mayEverything, onlyIn: hidden } };
    await expect(reader.read(asks, record.id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('asks nobody for an id that no job can have', async () => {
    const { reader, asked } = setUp();
    const late = composeJobId({ createdAtMs: idTimeMaxMs + 1, shard: 0, queueNo: 1 }, 1n);
    await expect(reader.read(asking, late)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'job_id', description: 'is not a job id' }],
    });
    expect(asked).toEqual([]);
  });

  it('keeps finished jobs only', async () => {
    const { reader, asked, cached } = setUp();
    const read = reader.read(asking, record.id);
    await settle();
    asked[0]?.answer({ record });
    await read;
    expect(cached.size).toBe(0);
  });
});
