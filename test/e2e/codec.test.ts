// The codec of the docs page, in real processes: a word that a job carries is nowhere in the cluster, and what the page says holds.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { connect as connectToNats, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PayloadCodec, TroupeClient } from '../../src/client/index.ts';
import { filesWith, holds } from '../support/canary.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { fileInPage } from '../support/docs-commands.ts';

const page = 'docs/guides/codecs.md';
const files = ['codec.ts', 'greet.job.ts'];
const key = randomBytes(32).toString('base64');
const word = `canary${randomBytes(12).toString('hex')}`;
const retry = { maxAttempts: 3, initialDelayMs: 10 };

let cluster: TestCluster;
let node: TestNode;
let codec: PayloadCodec;
let client: TroupeClient;
let plain: TroupeClient;
let tap: NatsConnection;
const passed: string[] = [];

beforeAll(async () => {
  cluster = await startCluster();
  const handlers = join(cluster.dir, 'codec-handlers');
  mkdirSync(handlers);
  for (const file of files) writeFileSync(join(handlers, file), fileInPage(page, file));
  process.env['PAYLOAD_KEY'] = key;
  ({ codec } = (await import(pathToFileURL(join(handlers, 'codec.ts')).href)) as { readonly codec: PayloadCodec });
  tap = await connectToNats({ servers: `127.0.0.1:${cluster.broker.port}` });
  tap.subscribe('>', { callback: (_, { data }) => void passed.push(Buffer.from(data).toString('latin1')) });
  node = await cluster.startNode('all', {
    handlerDirs: [handlers],
    env: { PAYLOAD_KEY: key },
    settings: { 'handlers.env': 'PAYLOAD_KEY', 'log.level': 'debug' },
  });
  client = node.client({ codec });
  plain = node.client();
}, 120_000);
afterAll(async () => {
  delete process.env['PAYLOAD_KEY'];
  await tap.close();
  await cluster.stop();
});

async function found(): Promise<readonly string[]> {
  return [
    ...(await filesWith(cluster.dir, word)),
    ...(await filesWith(cluster.broker.storeDir, word)),
    ...passed.filter((message) => holds(message, word)),
    ...node.lines.map(({ text }) => text).filter((text) => holds(text, word)),
  ];
}

it('input, checkpoint, output and the text of a failure are plain in the handler and the client, and nowhere else', async () => {
  const { jobId } = await client.submit('codec.greet', { name: word }, { retry });
  const job = await client.wait(jobId);
  expect(job).toMatchObject({ state: 'SUCCEEDED', failures: 1, output: { greeting: `Good day, ${word}` } });
  expect(job.checkpoint?.attempt).toBe(1);
  expect(await client.get(jobId)).toMatchObject({
    input: { name: word },
    failure: { message: `${word} is not ready yet` },
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of client.download(jobId)) pieces.push(piece);
  expect(JSON.parse(Buffer.concat(pieces).toString())).toEqual({ greeting: `Good day, ${word}` });
  expect(await found()).toEqual([]);
  const seen = await plain.get(jobId);
  expect(seen.output).toBeInstanceOf(Uint8Array);
  expect(seen.failure?.message).toBe('the text of this failure is encoded');
  expect(holds(JSON.stringify(seen.history), word)).toBe(false);
});

it('a failure that ends a job is told, also by an input that the schema refuses', async () => {
  const { jobId } = await client.submit('codec.greet', { nickname: word });
  const job = await client.wait(jobId);
  expect(job).toMatchObject({ state: 'FAILED', failure: { reason: 'INVALID_INPUT' } });
  expect(job.failure?.message).toContain('input.name');
  expect(await found()).toEqual([]);
});

it('a repeat of an idempotency key is known by the fingerprint, and another input is refused', async () => {
  const options = { idempotencyKey: 'a-key', retry };
  const first = await client.submit('codec.greet', { name: word }, options);
  const again = await node.client({ codec }).submit('codec.greet', { name: word }, options);
  expect(again).toMatchObject({ jobId: first.jobId, duplicate: true });
  await expect(client.submit('codec.greet', { name: 'other' }, options)).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
  const { encode, decode } = codec;
  const without = node.client({ codec: { encode, decode } });
  await expect(without.submit('codec.greet', { name: word }, options)).rejects.toMatchObject({
    code: 'INVALID_JOB_SPEC',
    violations: [{ field: 'idempotency_key' }],
  });
  const { jobId } = await without.submit('codec.greet', { name: word }, { idempotent: true, retry });
  expect((await client.wait(jobId)).state).toBe('SUCCEEDED');
});

it('drafts are encoded one by one, and one that cannot be is refused alone', async () => {
  const outcomes = await client.submitMany([
    { handler: 'codec.greet', input: { name: word }, retry },
    { handler: 'codec.greet', input: { name: 1n } },
  ]);
  expect(outcomes).toMatchObject([{ ok: { duplicate: false } }, { error: { code: 'INVALID_JOB_SPEC' } }]);
  expect(await found()).toEqual([]);
});

it('what was not encoded is refused, unless the codec accepts it', async () => {
  const { jobId } = await plain.submit('codec.greet', Buffer.from('{"name":"Ada"}'), { retry });
  const job = await plain.wait(jobId);
  expect(job).toMatchObject({ state: 'FAILED', attempt: 1, failure: { code: 'CODEC_FAILED' } });
  expect(job.failure?.message).toBe(`input: it is not encoded, and the codec takes no plain one (job ${jobId})`);
  await expect(client.get(jobId)).rejects.toMatchObject({
    code: 'CODEC_FAILED',
    message: `input: it is not encoded, and the codec takes no plain one (job ${jobId})`,
    metadata: { jobId, field: 'input' },
  });
  const accepting = node.client({ codec: { ...codec, acceptsPlain: true } });
  expect((await accepting.get(jobId)).input).toEqual(new Uint8Array(Buffer.from('{"name":"Ada"}')));
});

it('what cannot be decoded names the job and the field, and nothing of the bytes', async () => {
  const { jobId } = await client.submit('codec.greet', { name: word }, { retry });
  await client.wait(jobId);
  const wrong = node.client({
    codec: { ...codec, decode: (bytes, about) => (about.field === 'failure' ? raise() : codec.decode(bytes, about)) },
  });
  expect((await wrong.get(jobId)).failure?.message).toBe(`failure: the codec cannot decode it (job ${jobId})`);
  const none = node.client({ codec: { ...codec, decode: () => raise() } });
  const refused = none.get(jobId);
  await expect(refused).rejects.toMatchObject({ code: 'CODEC_FAILED', metadata: { jobId }, retryable: false });
  await expect(refused).rejects.toThrow(/^(input|output): the codec cannot decode it \(job /);
});

it('what would pass the codec by is refused', async () => {
  const source = {
    bytes: 1,
    open: async function* () {
      yield Buffer.from('x');
    },
  };
  const refused = { code: 'INVALID_ARGUMENT' };
  await expect(client.submitStream('codec.greet', source)).rejects.toMatchObject(refused);
  await expect(client.beginUpload('codec.greet', { bytes: 1, sha256: Buffer.alloc(32) })).rejects.toMatchObject(
    refused,
  );
  const { jobId } = await client.submit('codec.greet', { name: word }, { retry });
  await client.wait(jobId);
  await expect(client.retry(jobId, { input: { name: word } })).rejects.toMatchObject(refused);
  const again = await client.retry(jobId);
  expect((await client.wait(again.jobId)).output).toEqual({ greeting: `Good day, ${word}` });
});

function raise(): never {
  throw new Error('the wrong key');
}
