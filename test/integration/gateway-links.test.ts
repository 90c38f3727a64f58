// Links through a real gateway and a bucket: the client asks for them, and moves the bytes with `fetch` alone.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openS3Payloads } from '../../src/adapters/s3/s3-payload-store.ts';
import { sweepStep } from '../../src/adapters/s3/s3-sweep.ts';
import { fingerprint } from '../../src/application/jobs/job-fingerprint.ts';
import { emptyJobRequest } from '../../src/application/jobs/job-request.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { shardOfKey } from '../../src/application/protocol/shard-choice.ts';
import { createPayloadsBySize } from '../../src/application/storage/payloads-by-size.ts';
import { type BegunUpload, connect, type JobOptions, type TroupeClient } from '../../src/client/index.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { makeS3Harness, type S3Harness } from '../support/s3-payloads.ts';
import { clusterMark, realClock, storeRuntime } from '../support/stores.ts';
import { startStrictS3, type StrictS3 } from '../support/strict-s3.ts';
import { type Edge, openEdge, payloadMaxBytes, shardCount } from './gateway-edge.ts';

const hourMs = 3_600_000;
const streamedMaxBytes = 8 * 1_024 ** 3;
let aheadMs = 0;
/** Of the gateway: a test may set it forward. The wall clock stays, because deadlines and signatures go by it. */
const clock = { ...realClock, nowMs: () => Date.now() + aheadMs };

let harness: S3Harness | undefined;
let strict: StrictS3 | undefined;
let lack = '';
let large: PayloadStore;
let running: Edge | undefined;
let edge: Edge;
let troupe: TroupeClient;

function s3(): S3Harness & { readonly strict: StrictS3 } {
  if (harness === undefined || strict === undefined) throw new Error(lack);
  return { ...harness, strict };
}

beforeAll(async () => {
  const made = await makeS3Harness();
  if ('lack' in made) {
    lack = made.lack;
    return;
  }
  harness = made;
  const { endpoint: behind = '', credentials } = made.access;
  const secretAccessKey = credentials?.().secretAccessKey ?? '';
  strict = await startStrictS3({ behind, secretAccessKey, wallMs: () => Date.now() });
  ({ payloads: large } = await openS3Payloads({
    access: { ...made.access, endpoint: strict.endpoint },
    writes: true,
    linkLifetimeMs: 900_000,
    ...clusterMark(),
    ...storeRuntime,
    clock: { ...clock, setTimer: () => () => undefined },
  }));
  edge = await openEdge({
    payloads: (small) => createPayloadsBySize({ small, large, largeAboveBytes: 4_096 }),
    clock,
    streamedMaxBytes,
  });
  const bytes = { version: '1.0.0', inputKind: 'bytes' } as const;
  edge.manifests.set('test.bytes', { name: 'test.bytes', ...bytes });
  edge.manifests.set('test.streams', { name: 'test.streams', ...bytes, inputStreamed: true });
  running = edge;
  troupe = edge.client();
}, 1_200_000);
afterAll(async () => {
  await running?.close();
  await strict?.stop();
  await harness?.dispose();
});
beforeEach(({ skip }) => {
  aheadMs = 0;
  if (harness === undefined) skip(lack);
});

const sumOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const factsOf = (bytes: Uint8Array) => ({ bytes: bytes.byteLength, sha256: sumOf(bytes) });
const refused = (field: string, description: RegExp, code = 'INVALID_ARGUMENT') => ({
  code,
  violations: [{ field, description: expect.stringMatching(description) as string }],
});

async function put(
  { url, headers }: Pick<BegunUpload, 'url' | 'headers'>,
  body: Uint8Array<ArrayBuffer>,
): Promise<number> {
  return (await fetch(url, { method: 'PUT', headers: { ...headers }, body })).status;
}

async function uploaded(body: Uint8Array<ArrayBuffer>, options: JobOptions = {}): Promise<BegunUpload> {
  const upload = await troupe.beginUpload('test.bytes', factsOf(body), options);
  expect(await put(upload, body)).toBe(200);
  return upload;
}

async function succeed(jobId: string): Promise<void> {
  await edge.apply(jobId, { kind: 'claim', node: 'n1', token: 't' });
  await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded' } });
}

/** As the owner of the shard does soon after the end of the job. */
async function noteKey(jobId: string, key: { readonly idempotencyKey: string }, body: Uint8Array): Promise<void> {
  const request = { ...emptyJobRequest, handler: 'test.bytes', ...key };
  const { keyHash, contentHash } = fingerprint('default', request, { streamed: sumOf(body) }) ?? expect.fail();
  const entry = { keyHash, contentHash, jobId: jobId as JobId, expiresAtMs: Date.now() + 24 * hourMs, rank: 1 };
  await edge.store.jobs.putKeys(shardOfKey(keyHash, shardCount), [entry]);
}

async function sweep(atMs: number): Promise<void> {
  const { client, access } = s3();
  const place = { client, bucket: access.bucket, prefix: access.prefix };
  await sweepStep(place, { ms: atMs, wallMs: Date.now() }, (first) => {
    throw first;
  }).catch((error: unknown) => {
    // gofakes3 says so of a bucket without uploads in parts.
    if (!(error instanceof Error) || error.name !== 'NoSuchUpload') throw error;
  });
}

async function downloaded(jobId: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of troupe.download(jobId, { payload: 'input' })) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('a link to a payload', () => {
  it('gives input and output with size, checksum and kind, and ends in time', async () => {
    const input = { text: 'x'.repeat(10_000) };
    const { jobId } = await troupe.submit('test.echo', input);
    const link = await troupe.payloadLink(jobId, { payload: 'input' });
    const got = Buffer.from(await (await fetch(link.url)).arrayBuffer());
    expect(JSON.parse(got.toString())).toEqual(input);
    expect([link.json, link.bytes, sumOf(got).equals(link.sha256)]).toEqual([true, got.byteLength, true]);
    expect(link.expires.getTime() - Date.now()).toBeGreaterThan(890_000);
    expect(link.expires.getTime() - Date.now()).toBeLessThanOrEqual(900_000);
    // There is no output yet.
    await expect(troupe.payloadLink(jobId)).rejects.toMatchObject({ code: 'JOB_STATE_FORBIDS' });
  });

  it('is printed by a command, for other programs', async () => {
    const { jobId } = await troupe.submit('test.echo', 'x'.repeat(10_000));
    const run = async (...args: readonly string[]): Promise<readonly [number, string, string]> => {
      const terminal = recordedTerminal({});
      const code = await runCli(['link', ...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
      return [code, terminal.written.out, terminal.written.err];
    };
    const [code, url] = await run(jobId, '--input');
    expect([code, (await fetch(url.trim())).status]).toEqual([0, 200]);
    const [, document] = await run(jobId, '--input', '--json');
    const facts = { bytes: 10_002, json: true, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string };
    expect(JSON.parse(document)).toMatchObject(facts);
    const { jobId: small } = await troupe.submit('test.echo', 'small');
    const [refusal, , reason] = await run(small, '--input');
    expect([refusal, reason]).toEqual([5, expect.stringContaining('use DownloadPayload')]);
  });

  it('never outlasts the retention of the payload, and is of no use after an erasure', async () => {
    const options = { payloadRetentionMs: 120_000 };
    const { jobId } = await troupe.submit('test.echo', 'x'.repeat(10_000), options);
    const { url, expires } = await troupe.payloadLink(jobId, { payload: 'input' });
    const { payloadsExpireAt } = await troupe.get(jobId);
    expect(expires.getTime()).toBeLessThanOrEqual(payloadsExpireAt?.getTime() ?? 0);
    await succeed(jobId);
    await troupe.erasePayloads(jobId);
    expect((await fetch(url)).status).toBe(404);
    const gone = { code: 'PAYLOAD_GONE', metadata: { why: 'erased' } };
    await expect(troupe.payloadLink(jobId, { payload: 'input' })).rejects.toMatchObject(gone);
  });

  it('is not offered to a small payload, nor to a job that is not there', async () => {
    const { jobId } = await troupe.submit('test.echo', 'small');
    const none = { code: 'NO_PAYLOAD_LINK', message: expect.stringContaining('use DownloadPayload') as string };
    await expect(troupe.payloadLink(jobId, { payload: 'input' })).rejects.toMatchObject(none);
    await expect(troupe.payloadLink('toString')).rejects.toMatchObject({ violations: [{ field: 'job_id' }] });
  });
});

describe('an upload', () => {
  it('becomes the input of one job, without a byte of it through the gateway', async () => {
    const body = randomBytes(3_000_000);
    const upload = await troupe.beginUpload('test.streams', factsOf(body));
    expect(upload.linkExpires.getTime() - Date.now()).toBeLessThanOrEqual(900_000);
    expect(upload.submitBefore.getTime() - Date.now()).toBeGreaterThan(900_000 + hourMs - 10_000);
    expect(await put(upload, body)).toBe(200);
    const moved = s3().strict.movedBytes();
    const { jobId, duplicate } = await troupe.submitUploaded(upload.uploadId, 'test.streams');
    expect([duplicate, s3().strict.movedBytes() - moved < 1_000]).toEqual([false, true]);
    const record = edge.records.get(jobId as JobId);
    expect(record?.spec.input).toMatchObject({ kind: 'ref', bytes: body.byteLength, encoding: 'bytes' });
    expect((await downloaded(jobId)).equals(body)).toBe(true);
    const link = await troupe.payloadLink(jobId, { payload: 'input' });
    expect([link.json, sumOf(body).equals(link.sha256)]).toEqual([false, true]);
  });

  it('may be empty', async () => {
    const empty = Buffer.alloc(0);
    const { uploadId } = await uploaded(empty);
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes');
    expect(await downloaded(jobId)).toEqual(empty);
    const link = await troupe.payloadLink(jobId, { payload: 'input' });
    expect([link.bytes, await (await fetch(link.url)).text()]).toEqual([0, '']);
  });

  it('that is submitted again is the same job, with and without a key; another job is refused', async () => {
    const body = randomBytes(5_000);
    const plain = await uploaded(body);
    const [first, again] = await Promise.all([
      troupe.submitUploaded(plain.uploadId, 'test.bytes'),
      troupe.submitUploaded(plain.uploadId, 'test.bytes'),
    ]);
    expect([again.jobId, first.duplicate !== again.duplicate]).toEqual([first.jobId, true]);
    const other = troupe.submitUploaded(plain.uploadId, 'test.bytes', { labels: { another: 'job' } });
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', metadata: { jobId: first.jobId } });
    expect((await downloaded(first.jobId)).equals(body), 'a refusal takes nothing away').toBe(true);

    const keyed = await uploaded(body, { idempotencyKey: 'order-17' });
    const accepted = await troupe.submitUploaded(keyed.uploadId, 'test.bytes', { idempotencyKey: 'order-17' });
    // After a crash of the caller: a new upload under the same key.
    const second = await uploaded(body, { idempotencyKey: 'order-17' });
    const found = await troupe.submitUploaded(second.uploadId, 'test.bytes', { idempotencyKey: 'order-17' });
    expect(found).toEqual({ ...accepted, duplicate: true });
    expect((await downloaded(accepted.jobId)).equals(body)).toBe(true);
    // So does a plain submit of the same bytes.
    const third = await troupe.submit('test.bytes', body, { idempotencyKey: 'order-17' });
    expect(third.jobId).toBe(accepted.jobId);
  });

  it('that was submitted is the same job also when its payloads have been erased', async () => {
    const options = { idempotencyKey: 'erased' };
    const body = randomBytes(5_000);
    const upload = await uploaded(body, options);
    const { jobId } = await troupe.submitUploaded(upload.uploadId, 'test.bytes', options);
    await succeed(jobId);
    await troupe.erasePayloads(jobId);
    const again = (): Promise<unknown> => troupe.submitUploaded(upload.uploadId, 'test.bytes', options);
    await expect(again()).rejects.toMatchObject(refused('upload_id', /nothing lies there/));
    await noteKey(jobId, options, body);
    expect(await again()).toEqual({ jobId, state: 'SUCCEEDED', duplicate: true });
  });

  it.each([
    { id: '', description: /is required/ },
    { id: 'toString', description: /is not the id of an upload/ },
    { id: '__proto__', description: /is not the id of an upload/ },
    { id: '🙂', description: /is not the id of an upload/ },
    { id: 'x'.repeat(10_000), description: /is not the id of an upload/ },
    { id: '01960000-0000-7000-8000-000000000000', description: /is not the id of an upload/ },
  ])('is refused under the id $id', async ({ id, description }) => {
    const submitted = troupe.submitUploaded(id, 'test.bytes');
    await expect(submitted).rejects.toMatchObject(refused('upload_id', description));
  });

  it('is nothing under an id of which anything was changed, nor for other keys', async () => {
    const body = randomBytes(5_000);
    const { uploadId } = await uploaded(body);
    const text = Buffer.from(uploadId, 'base64url').toString();
    const [word, uuid = '', ...rest] = text.split('.');
    const changes = [
      [word, `${uuid.slice(0, -1)}${uuid.endsWith('0') ? '1' : '0'}`, ...rest],
      [word, uuid, '4999', ...rest.slice(1)],
      [word, uuid, rest[0], sumOf(Buffer.from('other')).toString('base64url'), ...rest.slice(2)],
      [word, uuid, rest[0], rest[1], String(Number(rest[2]) + 1), ...rest.slice(3)],
      [word, uuid, rest[0], rest[1], rest[2], String(Number(rest[3]) + 1), rest[4]],
    ];
    for (const parts of changes) {
      const id = Buffer.from(parts.join('.')).toString('base64url');
      await expect(troupe.submitUploaded(id, 'test.bytes')).rejects.toMatchObject(
        refused('upload_id', /nothing lies there/),
      );
    }
    for (const options of [{ idempotencyKey: 'k' }, { uniqueKey: 'u' }]) {
      const submitted = troupe.submitUploaded(uploadId, 'test.bytes', options);
      await expect(submitted).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        violations: [{ field: 'submit.idempotency_key' }, { field: 'submit.job.unique.key' }],
      });
    }
    expect((await troupe.submitUploaded(uploadId, 'test.bytes')).duplicate).toBe(false);
  });

  it('that did not come is refused, and taken when it has come', async () => {
    const body = randomBytes(5_000);
    const upload = await troupe.beginUpload('test.bytes', factsOf(body));
    const submit = (): Promise<unknown> => troupe.submitUploaded(upload.uploadId, 'test.bytes');
    await expect(submit()).rejects.toMatchObject(refused('upload_id', /nothing lies there/));
    expect(await put(upload, randomBytes(5_000)), 'other bytes').toBe(400);
    await expect(submit()).rejects.toMatchObject(refused('upload_id', /nothing lies there/));
    await put(upload, body);
    expect(await submit()).toMatchObject({ state: 'QUEUED' });
  });

  it('to a server that checks nothing is refused for its size and its checksum', async () => {
    const body = randomBytes(5_000);
    for (const { lies, description } of [
      { lies: randomBytes(4_999), description: /4999 bytes lie there, and 5000 were announced/ },
      { lies: randomBytes(5_000), description: /another SHA-256/ },
    ]) {
      const upload = await troupe.beginUpload('test.bytes', factsOf(body));
      const { pathname } = new URL(upload.url);
      await fetch(new URL(pathname, s3().access.endpoint), { method: 'PUT', body: lies });
      const submitted = troupe.submitUploaded(upload.uploadId, 'test.bytes');
      await expect(submitted).rejects.toMatchObject(refused('upload_id', description));
    }
  });

  it('is refused before it begins if its job would be, with the same reason', async () => {
    const facts = factsOf(randomBytes(10));
    const begin = (handler: string, more = {}, options: JobOptions = {}): Promise<unknown> =>
      troupe.beginUpload(handler, { ...facts, ...more }, options);
    await expect(begin('no.such')).rejects.toMatchObject({ code: 'UNKNOWN_HANDLER' });
    await expect(begin('test.bytes', {}, { queue: 'toString' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(begin('test.resize')).rejects.toMatchObject(
      refused('job.input.data', /takes JSON/, 'INVALID_JOB_SPEC'),
    );
    await expect(begin('test.bytes', { bytes: payloadMaxBytes + 1 })).rejects.toMatchObject(
      refused('job.input', /does not read it as a stream/, 'PAYLOAD_TOO_LARGE'),
    );
    await expect(begin('test.streams', { bytes: 5 * 1_024 ** 3 + 1 })).rejects.toMatchObject(
      refused('input_size_bytes', /use SubmitJobStream/, 'PAYLOAD_TOO_LARGE'),
    );
    expect(await begin('test.streams', { bytes: 5 * 1_024 ** 3 })).toBeDefined();
    await expect(begin('test.streams', { bytes: streamedMaxBytes + 1 })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await expect(begin('test.bytes', { bytes: -1 })).rejects.toMatchObject(
      refused('input_size_bytes', /number of bytes/),
    );
    await expect(begin('test.bytes', { bytes: 1.5 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(begin('test.bytes', { sha256: Buffer.alloc(20) })).rejects.toMatchObject(
      refused('input_sha256', /32 bytes of a SHA-256, not 20/),
    );
  });

  it('stays after a refusal that may pass, and the submit works when it is repeated', async () => {
    const body = randomBytes(5_000);
    const { uploadId } = await uploaded(body);
    const once = edge.client({ retry: { maxAttempts: 1 } });
    edge.fates.push('SHARD_UNAVAILABLE');
    await expect(once.submitUploaded(uploadId, 'test.bytes')).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes');
    expect((await downloaded(jobId)).equals(body)).toBe(true);
  });

  it('whose answer was lost is the same job when the client repeats the call', async () => {
    const { uploadId } = await uploaded(randomBytes(5_000));
    edge.fates.push('OUTCOME_UNKNOWN');
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes');
    expect((await troupe.submitUploaded(uploadId, 'test.bytes')).jobId).toBe(jobId);
  });

  it('cannot be submitted for a job that is kept longer than when it was begun', async () => {
    const body = randomBytes(5_000);
    const { uploadId } = await uploaded(body, { retentionMs: hourMs });
    const longer = troupe.submitUploaded(uploadId, 'test.bytes', { retentionMs: 9 * hourMs });
    await expect(longer).rejects.toMatchObject(refused('job.retention', /longer than when the upload was begun/));
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes', { retentionMs: hourMs });
    expect(await troupe.get(jobId)).toMatchObject({ state: 'QUEUED' });
  });

  it('has no longer to be submitted than its key is known, or it could be the input of a second job', async () => {
    const minute = { retentionMs: 60_000 };
    const body = randomBytes(5_000);
    const { uploadId, submitBefore, linkExpires } = await uploaded(body, minute);
    expect(submitBefore.getTime()).toBeLessThanOrEqual(Date.now() + 30_000);
    expect(linkExpires.getTime()).toBeLessThanOrEqual(submitBefore.getTime());
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes', minute);
    await succeed(jobId);
    aheadMs = 61_000;
    const late = troupe.submitUploaded(uploadId, 'test.bytes', minute);
    await expect(late).rejects.toMatchObject(refused('upload_id', /has expired/));
    aheadMs = 0;
    const other = await uploaded(body, { retentionMs: hourMs });
    const shorter = troupe.submitUploaded(other.uploadId, 'test.bytes', minute);
    await expect(shorter).rejects.toMatchObject(refused('job.retention', /shorter than when the upload was begun/));
  });

  it('that became a job is found whenever it is submitted again, when that has ended', async () => {
    const options = { idempotencyKey: 'later' };
    const body = randomBytes(5_000);
    const { uploadId, submitBefore } = await uploaded(body, options);
    const { jobId } = await troupe.submitUploaded(uploadId, 'test.bytes', options);
    aheadMs = submitBefore.getTime() - Date.now() + 3 * hourMs;
    const again = (): Promise<unknown> => troupe.submitUploaded(uploadId, 'test.bytes', options);
    await expect(again()).rejects.toMatchObject(refused('upload_id', /has expired/));
    await succeed(jobId);
    await noteKey(jobId, options, body);
    expect(await again()).toEqual({ jobId, state: 'SUCCEEDED', duplicate: true });
  });

  it('has its time, and goes after it; a used one stays', async () => {
    const body = randomBytes(5_000);
    const unused = await uploaded(body);
    const used = await uploaded(body);
    const { jobId } = await troupe.submitUploaded(used.uploadId, 'test.bytes');
    const endMs = unused.submitBefore.getTime();
    aheadMs = endMs - Date.now();
    await expect(troupe.submitUploaded(unused.uploadId, 'test.bytes')).rejects.toMatchObject(
      refused('upload_id', /has expired/),
    );
    await sweep(used.submitBefore.getTime() + 600_000);
    aheadMs = 0;
    const late = troupe.submitUploaded(unused.uploadId, 'test.bytes');
    await expect(late).rejects.toMatchObject(refused('upload_id', /nothing lies there/));
    expect((await downloaded(jobId)).equals(body)).toBe(true);
  });

  it('of a gateway without a bucket is not offered, and says what to use', async () => {
    const plain = await openEdge();
    const client = connect({ address: `127.0.0.1:${plain.port}` });
    const none = (what: string) => ({
      code: 'NO_PAYLOAD_LINK',
      message: expect.stringContaining(`use ${what}`) as string,
    });
    await expect(client.beginUpload('test.echo', factsOf(Buffer.from('x')))).rejects.toMatchObject(
      none('SubmitJobStream'),
    );
    await expect(client.submitUploaded('x', 'test.echo')).rejects.toMatchObject(none('SubmitJobStream'));
    const { jobId } = await client.submit('test.echo', 'x'.repeat(10_000));
    await expect(client.payloadLink(jobId, { payload: 'input' })).rejects.toMatchObject(none('DownloadPayload'));
    client.close();
    await plain.close();
  });
});
