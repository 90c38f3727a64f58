// Sealed inputs at a real gateway: what the shards and the store get, what readers see, and what is refused.
import { createHash } from 'node:crypto';
import { afterAll, beforeEach, expect, it } from 'vitest';
import type { Permission } from '../../src/domain/access/permission.ts';
import { storedIdOf } from '../../src/domain/job.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { payloadIds } from '../../src/domain/payload-life.ts';
import { sealFailure } from '../../src/application/sealing/job-seals.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { callerWith } from '../support/callers.ts';
import { holds } from '../support/canary.ts';
import { createTestKeys, createTestSealing, type TestKeys } from '../support/sealing.ts';
import { realClock } from '../support/stores.ts';
import { type Edge, openEdge, openToAll } from './gateway-edge.ts';

const word = 'canary-of-the-gateway';
let isRequired = true;
/** Moves on, so that keys which were away are asked for again. */
let aheadMs = 0;
const keys: TestKeys = createTestKeys();
const sealing = createTestSealing(
  keys,
  { monotonicMs: () => realClock.monotonicMs() + aheadMs },
  { requires: () => isRequired },
);
const edge: Edge = await openEdge({ sealing, streamedMaxBytes: 4 << 20 });
edge.manifests.set('test.bytes', { name: 'test.bytes', version: '1', inputKind: 'bytes', inputStreamed: true });
const troupe: TroupeClient = edge.client({ retry: { maxAttempts: 1 } });
afterAll(() => edge.close());
beforeEach(() => {
  isRequired = true;
  keys.isAway = false;
  aheadMs += 2_000;
  edge.authenticator = openToAll;
});

const recordOf = (jobId: string) => edge.records.get(jobId as JobId) ?? expect.fail('there is a job');

it.each([
  ['sealed', word],
  ['sealed-ref', word.repeat(200)],
])('an input is %s for the shards, and plain for its reader', async (kind, text) => {
  const { jobId } = await troupe.submit('test.echo', { text });
  const { spec } = recordOf(jobId);
  expect(spec.input).toMatchObject({ kind, bytes: JSON.stringify({ text }).length, encoding: 'json' });
  expect(holds(JSON.stringify(recordOf(jobId)), word)).toBe(false);
  const stored = await edge.store.payloads.getPayload(storedIdOf(spec.input) ?? '');
  expect(holds(stored ?? '', word)).toBe(false);
  expect((await troupe.get(jobId)).input).toEqual({ text });
});

it('a streamed input is sealed part by part, and downloaded as it was', async () => {
  const bytes = Buffer.alloc(2_500_000, word);
  const source = {
    bytes: bytes.byteLength,
    open: async function* () {
      yield bytes;
    },
  };
  const options = { idempotencyKey: 'streamed' };
  const { jobId } = await troupe.submitStream('test.bytes', source, options);
  const { spec, requestKey } = recordOf(jobId);
  const stored = await edge.store.payloads.getPayload(storedIdOf(spec.input) ?? '');
  expect(stored?.byteLength).toBe(bytes.byteLength + 3 * 28);
  expect(holds(stored ?? '', word)).toBe(false);
  const pieces: Uint8Array[] = [];
  for await (const piece of troupe.download(jobId, { payload: 'input' })) pieces.push(piece);
  expect(bytes.equals(Buffer.concat(pieces))).toBe(true);
  expect(await troupe.submitStream('test.bytes', source, options)).toMatchObject({ jobId, duplicate: true });
  // No digest of the plain bytes is in the open.
  const digest = createHash('sha256').update(bytes).digest();
  for (const form of ['hex', 'base64', 'base64url'] as const)
    expect(JSON.stringify({ spec, requestKey })).not.toContain(digest.toString(form));
});

it('without a key nothing is stored and nothing is sent', async () => {
  keys.isAway = true;
  aheadMs += 3_700_000;
  const [batches, records] = [edge.batches.length, edge.records.size];
  const away = { code: 'ENCRYPTION_UNAVAILABLE', retryable: true };
  await expect(troupe.submit('test.echo', { word })).rejects.toMatchObject(away);
  await expect(troupe.submit('test.echo', { word: word.repeat(200) }, { idempotencyKey: 'k' })).rejects.toMatchObject(
    away,
  );
  const source = {
    bytes: 1,
    open: async function* () {
      yield new Uint8Array(1);
    },
  };
  await expect(troupe.submitStream('test.bytes', source)).rejects.toMatchObject(away);
  expect([edge.batches.length, edge.records.size]).toEqual([batches, records]);
});

it('a copy of a sealed job is sealed, whatever its tenant requires now', async () => {
  const { jobId } = await troupe.submit('test.echo', { word });
  await edge.apply(jobId, { kind: 'cancel', reason: '' });
  isRequired = false;
  expect(recordOf((await troupe.submit('test.echo', { word })).jobId).spec.input.kind).toBe('json');
  for (const { jobId: copy } of [await troupe.retry(jobId), await troupe.retry(jobId, { input: { other: word } })])
    expect(recordOf(copy).spec.input.kind).toBe('sealed');
});

it('a request from before its tenant was sealed finds its job', async () => {
  isRequired = false;
  const options = { idempotencyKey: 'before' };
  const { jobId } = await troupe.submit('test.echo', { word }, options);
  const source = {
    bytes: 3,
    open: async function* () {
      yield Buffer.from('abc');
    },
  };
  const streamed = await troupe.submitStream('test.bytes', source, { idempotencyKey: 'before-streamed' });
  isRequired = true;
  expect(await troupe.submit('test.echo', { word }, options)).toMatchObject({ jobId, duplicate: true });
  expect(await troupe.submitStream('test.bytes', source, { idempotencyKey: 'before-streamed' })).toMatchObject({
    jobId: streamed.jobId,
    duplicate: true,
  });
  await expect(troupe.submit('test.echo', { other: word }, options)).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
});

it('links are refused: to what is sealed, and for what would have to be', async () => {
  const { jobId } = await troupe.submit('test.echo', { word: word.repeat(200) });
  const refused = (message: RegExp) => ({ code: 'NO_PAYLOAD_LINK', message: expect.stringMatching(message) as string });
  await expect(troupe.payloadLink(jobId, { payload: 'input' })).rejects.toMatchObject(
    refused(/sealed.*use DownloadPayload/),
  );
  const facts = { bytes: 1, sha256: createHash('sha256').update('x').digest() };
  await expect(troupe.beginUpload('test.bytes', facts)).rejects.toMatchObject(refused(/sealed.*use SubmitJobStream/));
  await expect(troupe.submitUploaded('any', 'test.bytes')).rejects.toMatchObject(refused(/sealed/));
});

it('texts of a failure are for those who may read payloads, and a job whose key is away is shown without them', async () => {
  const { jobId } = await troupe.submit('test.echo', { word });
  await edge.apply(jobId, { kind: 'claim', node: 'n1', token: 't' });
  const failure = { reason: 'HANDLER_FAILED', code: 'C', message: word, stack: word } as const;
  const sealed = sealFailure(await sealing.sealer('default'), recordOf(jobId), failure);
  await edge.apply(jobId, {
    kind: 'report',
    token: 't',
    outcome: { kind: 'failed', retryable: false, failure: sealed },
  });
  expect((await troupe.get(jobId)).failure).toMatchObject(failure);
  // The history says why, in the words of the contract alone.
  const { attempts } = await troupe.get(jobId);
  expect(attempts).toMatchObject([{ reason: 'HANDLER_FAILED', code: 'C' }]);
  expect(holds(JSON.stringify(recordOf(jobId).trail), word)).toBe(false);
  edge.authenticator = { ...openToAll, authenticate: async () => callerWith(['jobs.read'] as Permission[]) };
  const { failure: shown } = await troupe.get(jobId);
  expect(shown).toMatchObject({ reason: 'HANDLER_FAILED', code: 'C' });
  expect(JSON.stringify(shown)).not.toContain(word);
  edge.authenticator = openToAll;
  // Another process has the job, and no key of it.
  keys.isAway = true;
  aheadMs += 3_700_000;
  const listed = [];
  for await (const job of troupe.list({ states: ['FAILED'] })) listed.push(job);
  expect(listed.find(({ id }) => id === jobId)?.failure?.message).toBe(
    '(this text is sealed, and its key is not available now)',
  );
  await expect(troupe.get(jobId)).rejects.toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
});

it('what a job is left with after an erasure is nothing, also of what was sealed', async () => {
  const { jobId } = await troupe.submit('test.echo', { word: word.repeat(200) });
  const [id = expect.fail('it is stored')] = payloadIds(recordOf(jobId));
  await edge.apply(jobId, { kind: 'cancel', reason: '' });
  await troupe.erasePayloads(jobId);
  expect(await edge.store.payloads.getPayload(id)).toBeUndefined();
});

it('an input that was put into another job is shown as missing', async () => {
  const { jobId } = await troupe.submit('test.echo', { word });
  const record = recordOf(jobId);
  edge.records.set(record.id, { ...record, spec: { ...record.spec, handler: 'test.other' } });
  const { input, inputGone } = await troupe.get(jobId);
  expect([input, inputGone]).toEqual([undefined, 'missing']);
  expect(sealing.refused.at(-1)).toBe('input');
});

it('a tenant is sealed from the moment when an administrator says so', async () => {
  isRequired = false;
  const { jobId: before } = await troupe.submit('test.echo', { word });
  const made = await troupe.tenants.create('default', { encrypted: true });
  expect(made.encrypted).toBe(true);
  expect(recordOf(before).spec.input.kind).toBe('json');
  const { jobId } = await troupe.submit('test.echo', { word });
  expect(recordOf(jobId).spec.input.kind).toBe('sealed');
  expect((await troupe.get(jobId)).input).toEqual({ word });
  // Of a retry, the input of before is sealed, too.
  await edge.apply(before, { kind: 'cancel', reason: '' });
  expect(recordOf((await troupe.retry(before)).jobId).spec.input.kind).toBe('sealed');
  const { etag } = await troupe.tenants.update('default', made.etag, { description: 'the first' });
  expect(await troupe.tenants.update('default', etag, { encrypted: false })).toMatchObject({ encrypted: false });
  expect(recordOf((await troupe.submit('test.echo', { word })).jobId).spec.input.kind).toBe('json');
});

it('a gateway without keys takes nothing of a tenant that is sealed', async () => {
  const plain = await openEdge();
  try {
    const client = plain.client({ retry: { maxAttempts: 1 } });
    await client.tenants.create('default', { encrypted: true });
    await expect(client.submit('test.echo', { word })).rejects.toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
    expect(plain.records.size).toBe(0);
  } finally {
    await plain.close();
  }
});
