// Payloads in a cluster of two processes: what one gateway has erased, no other serves any more, whatever it had in memory.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { payloadIds } from '../../src/domain/erasure.ts';
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

const gone = {
  state: 'SUCCEEDED',
  inputGone: 'erased',
  outputGone: 'erased',
  payloadsErasedAt: expect.any(Date) as Date,
};

describe('erasing the payloads of an ended job', () => {
  it.each([1, large])('takes them from every gateway at once: %j', async (input) => {
    const jobId = await ended(input);
    await troupe.delete(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
    expect(await other.wait(jobId)).toMatchObject({ outputGone: 'erased' });
  });

  it('cut off after the payloads and before the record: they are told as missing, and the repeated call ends it', async () => {
    const jobId = await ended(large);
    const store = await openSqliteStore({ path: cluster.sqlitePath, ...storeRuntime });
    try {
      const record = await store.jobs.findJob(jobId as JobId);
      const ids = record === undefined ? [] : payloadIds(record);
      expect(ids).toHaveLength(2);
      for (const id of ids) await store.payloads.deletePayload(id);
    } finally {
      await store.close();
    }
    expect(await other.get(jobId)).toMatchObject({ inputGone: 'missing', outputGone: 'missing' });
    await troupe.delete(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
  });
});
