// Payloads in a cluster of two processes: what one gateway has erased, no other serves any more, whatever it had in memory.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import type { Store } from '../../src/application/ports/store.ts';
import { runCli } from '../../src/cli/main.ts';
import type { InputSource, TroupeClient } from '../../src/client/index.ts';
import { payloadIds } from '../../src/domain/payload-life.ts';
import type { JobRecord } from '../../src/domain/job.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { isObjectId } from '../../src/application/storage/object-id.ts';
import { largePayloads } from '../support/file-payloads.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { storeRuntime } from '../support/stores.ts';

let cluster: TestCluster;
let one: TestNode;
let troupe: TroupeClient;
let other: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  one = await cluster.startNode('one', { threads: 2 });
  troupe = one.client();
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

it('of more than 1 MiB lie in files beside the store, and are gone with them when they are erased', async () => {
  const files = (): readonly string[] => largePayloads(cluster.sqlitePath);
  const before = files();
  const input = { text: 'x'.repeat(2_000_000) };
  const jobId = await ended(input);
  const [inStore, ofJob] = await stored(jobId, async (record, store) => {
    const ids = payloadIds(record);
    return [await Promise.all(ids.map((id) => store.payloads.openPayload(id))), ids.filter(isObjectId)];
  });
  expect([inStore, ofJob.length, files().length]).toEqual([[undefined, undefined], 2, before.length + 2]);
  const { jobId: again } = await other.retry(jobId);
  expect(await other.wait(again)).toMatchObject({ state: 'SUCCEEDED', output: input });
  for (const id of [jobId, again]) {
    await troupe.erasePayloads(id);
    for (const client of [troupe, other]) expect(await client.get(id)).toMatchObject(gone);
  }
  expect(files()).toEqual(before);
});

describe('a streamed input', () => {
  const bytes = randomBytes(9_000_000);
  const source = (whole: Uint8Array = bytes): InputSource => ({
    bytes: whole.byteLength,
    open: async function* () {
      for (let from = 0; from < whole.byteLength; from += 1_000_000) yield whole.subarray(from, from + 1_000_000);
    },
  });

  async function downloaded(jobId: string): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of other.download(jobId)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  it('goes in through one gateway, is what the handler gets, and its output comes out of another', async () => {
    const { jobId } = await troupe.submitStream('test.echo', source());
    expect(await troupe.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
    expect((await downloaded(jobId)).equals(bytes)).toBe(true);
    const { jobId: again } = await other.retry(jobId);
    expect(await other.wait(again)).toMatchObject({ state: 'SUCCEEDED', retryOf: jobId });
    await troupe.erasePayloads(jobId);
    expect(await other.get(jobId)).toMatchObject(gone);
  });

  it('is how the command sends a large file', async () => {
    const file = join(cluster.dir, 'large.bin');
    writeFileSync(file, bytes);
    const terminal = recordedTerminal({});
    const args = ['submit', 'test.echo', '--input-file', file, '--json', '--wait', '--address', one.address ?? ''];
    expect(await runCli(args, { terminal })).toBe(0);
    const { id } = JSON.parse(terminal.written.out.trim().split('\n').at(-1) ?? '') as { id: string };
    expect((await downloaded(id)).equals(bytes)).toBe(true);
  });

  it('whose gateway is killed in the middle is no job; sent again under its key through another it is one', async () => {
    const doomed = await cluster.startNode('doomed', { roles: ['gateway'] });
    const job = { idempotencyKey: 'cut-off', labels: { case: 'cut-off' } };
    const cut = source();
    const dies = async function* (): AsyncGenerator<Uint8Array, void> {
      let sent = 0;
      for await (const piece of cut.open()) {
        yield piece;
        sent += piece.byteLength;
        if (sent === 6_000_000) await doomed.kill();
      }
    };
    const client = doomed.client({ retry: { maxAttempts: 1 } });
    await expect(client.submitStream('test.echo', { ...cut, open: dies }, job)).rejects.toMatchObject({
      retryable: true,
    });
    const found = async (): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { id } of troupe.list({ labels: { case: 'cut-off' } })) ids.push(id);
      return ids;
    };
    expect(await found()).toEqual([]);
    const { jobId, duplicate } = await troupe.submitStream('test.echo', source(), job);
    expect(duplicate).toBe(false);
    expect(await troupe.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await other.submitStream('test.echo', source(), job)).toMatchObject({ jobId, duplicate: true });
    expect(await found()).toEqual([jobId]);
    const left = await stored(jobId, (record) => payloadIds(record).length);
    expect(left).toBe(2);
  });
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
    await troupe.erasePayloads(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
    expect(await other.wait(jobId)).toMatchObject({ outputGone: 'erased' });
  });

  it('cut off after the payloads and before the record: they are told as missing, and the repeated call ends it', async () => {
    const jobId = await ended(large);
    await stored(jobId, async (record, { payloads }) => {
      for (const id of payloadIds(record)) await payloads.deletePayload(id);
    });
    expect(await other.get(jobId)).toMatchObject({ inputGone: 'missing', outputGone: 'missing' });
    await troupe.erasePayloads(jobId);
    for (const client of [troupe, other]) expect(await client.get(jobId)).toMatchObject(gone);
  });
});
