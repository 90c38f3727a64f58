// Payloads in a cluster of two processes: what one gateway has erased, no other serves any more, whatever it had in memory.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { payloadIds } from '../../src/domain/payload-life.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestCluster } from '../support/cluster.ts';
import { storeRuntime } from '../support/stores.ts';

let cluster: TestCluster;
let troupe: TroupeClient;
let other: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  troupe = (await cluster.startNode('one', { threads: 2 })).client();
  other = (await cluster.startNode('edge', { roles: ['gateway'] })).client();
});
afterAll(() => cluster.stop());

const large = { text: 'x'.repeat(5_000) };

async function ended(input: unknown): Promise<string> {
  const { jobId } = await troupe.submit('test.echo', input);
  await troupe.wait(jobId);
  // Both gateways have it in memory from now on.
  for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject({ input, output: input });
  return jobId;
}

/** Looks into the store that the processes share. */
async function stored<T>(jobId: string, look: (record: JobRecord, store: Store) => T | Promise<T>): Promise<T> {
  const store = await openSqliteStore({ path: cluster.sqlitePath, ...storeRuntime });
  try {
    const record = await store.jobs.findJob(jobId as JobId);
    if (record === undefined) throw new Error(`no job ${jobId}`);
    return await look(record, store);
  } finally {
    await store.close();
  }
}

const gone = {
  state: 'SUCCEEDED',
  inputGone: 'erased',
  outputGone: 'erased',
  payloadsErasedAt: expect.any(Date) as Date,
};

it('come as a stream from any gateway, larger than a chunk', async () => {
  const input = { text: 'x'.repeat(700_000) };
  const jobId = await ended(input);
  const pieces: Uint8Array[] = [];
  for await (const piece of other.download(jobId)) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(2);
  expect(JSON.parse(Buffer.concat(pieces).toString())).toEqual(input);
});

it('with a retention of their own lie beside the record, however small', async () => {
  const { jobId } = await troupe.submit('test.echo', 1, { payloadRetentionMs: 3_600_000 });
  const job = await troupe.wait(jobId);
  expect(job).toMatchObject({ output: 1, payloadRetentionMs: 3_600_000 });
  expect(job.payloadsExpireAt).toEqual(new Date(job.createdAt.getTime() + 3_600_000));
  expect(await stored(jobId, (record) => payloadIds(record).length)).toBe(2);
  expect(await other.get(jobId)).toMatchObject({ input: 1, output: 1 });
});

describe('erasing the payloads of an ended job', () => {
  it.each([1, large])('takes them from every gateway at once: %j', async (input) => {
    const jobId = await ended(input);
    await troupe.delete(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
    expect(await other.wait(jobId)).toMatchObject({ outputGone: 'erased' });
  });

  it('cut off after the payloads and before the record: they are told as missing, and the repeated call ends it', async () => {
    const jobId = await ended(large);
    await stored(jobId, async (record, { payloads }) => {
      for (const id of payloadIds(record)) await payloads.deletePayload(id);
    });
    expect(await other.get(jobId)).toMatchObject({ inputGone: 'missing', outputGone: 'missing' });
    await troupe.delete(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
  });
});
