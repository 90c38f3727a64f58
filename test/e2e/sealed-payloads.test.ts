// Sealed jobs in real processes, on SQLite and NATS: a word that is in everything which a job carries is nowhere in the open.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect as connectToNats, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { filesWith, holds } from '../support/canary.ts';
import { type NodeOptions, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { streamHandlersDir } from '../support/streamed-cluster.ts';
import { startVaultTransit, type VaultTransit } from '../support/vault-transit.ts';

const handlerDirs = [fileURLToPath(new URL('../support/sealed-handlers', import.meta.url)), streamHandlersDir];
const seconds = 60_000;
const newWord = (): string => `canary${randomBytes(12).toString('hex')}`;

let cluster: TestCluster;
let vault: VaultTransit;
let worker: TestNode;
let edge: TestNode;
let client: TroupeClient;
let tap: NatsConnection;
/** Every message that has passed NATS, with its subject. */
const passed: string[] = [];
let settings: NonNullable<NodeOptions['settings']>;

beforeAll(async () => {
  vault = await startVaultTransit();
  vault.createKey('troupe');
  cluster = await startCluster();
  const tokenPath = join(cluster.dir, 'vault-token');
  writeFileSync(tokenPath, vault.token);
  settings = {
    'encryption.keys': 'vault',
    'encryption.required': '*',
    'encryption.vault.address': vault.address,
    'encryption.vault.tokenPath': tokenPath,
    'log.level': 'debug',
  };
  tap = await connectToNats({ servers: `127.0.0.1:${cluster.broker.port}` });
  tap.subscribe('>', {
    callback: (_, message) =>
      void passed.push(
        `${message.subject} ${Buffer.from(message.data).toString('latin1')} ${JSON.stringify([...(message.headers ?? [])])}`,
      ),
  });
  // It has no keys, because it needs none.
  await cluster.startNode('shards', { roles: ['shards'] });
  worker = await startWorker('worker');
  edge = await cluster.startNode('edge', { roles: ['gateway'], settings });
  client = edge.client();
}, 120_000);
afterAll(async () => {
  await tap.close();
  await cluster.stop();
  await vault.close();
});

function startWorker(name: string): Promise<TestNode> {
  return cluster.startNode(name, { roles: ['workers'], handlerDirs, settings });
}

/** Where the word is, besides with those who may have it. */
async function found(word: string): Promise<readonly string[]> {
  const nodes = [worker, edge];
  const metrics = await Promise.all(
    nodes.map(({ httpUrl }) => fetch(`${httpUrl}/metrics`).then((answer) => answer.text())),
  );
  return [
    ...(await filesWith(cluster.dir, word)),
    ...(await filesWith(cluster.broker.storeDir, word)),
    ...passed.filter((message) => holds(message, word)).map((message) => `NATS: ${message.slice(0, 200)}`),
    ...nodes.flatMap(({ lines }) => lines.map(({ text }) => text)).filter((text) => holds(text, word)),
    ...metrics.filter((text) => holds(text, word)),
  ];
}

function ended(jobId: string): Promise<JobInfo> {
  return cluster.waitFor(
    `the end of ${jobId}`,
    async () => {
      const job = await client.get(jobId);
      return ['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'].includes(job.state) && job;
    },
    seconds,
  );
}

const retry = { maxAttempts: 3, initialDelayMs: 10 };
function gateFor(name: string): string {
  return join(cluster.dir, `gate-${name}`);
}

it.each([
  ['in the record', 1],
  ['in the payload store', 200],
  ['in the object store', 60_000],
])('a word is nowhere in the open: %s', { timeout: 2 * seconds }, async (name, times) => {
  const word = newWord();
  const gate = gateFor(name);
  const filler = times === 1 ? {} : { filler: word.repeat(times) };
  const submit = { word, gate, times, ends: 'well', ...filler };
  const { jobId } = await client.submit('sealed.says', submit, { retry, idempotencyKey: name });
  // While it runs, the reader sees its note, its log and the failure of its first attempt.
  const running = await cluster.waitFor(
    'the note of the second attempt',
    async () => {
      const job = await client.get(jobId);
      return job.attempt === 2 && job.progress?.note !== undefined && job.progress.note !== '' && job;
    },
    seconds,
  );
  expect(running.progress).toEqual({ fraction: 0.5, note: `note ${word}` });
  expect(running.failure).toMatchObject({
    reason: 'HANDLER_FAILED',
    code: 'PLAIN_CODE',
    message: `message ${word}`,
    causes: [{ message: `cause ${word}` }],
    stack: expect.stringContaining(`message ${word}`) as string,
  });
  const lines = await cluster.waitFor(
    'the lines of both attempts',
    async () => {
      const log = await client.log(jobId);
      return log.lines.length === 4 && log.lines;
    },
    seconds,
  );
  expect(lines.map(({ text }) => text)).toEqual([`log ${word}`, `printed ${word}`, `log ${word}`, `printed ${word}`]);
  expect(await found(word)).toEqual([]);
  writeFileSync(gate, '');
  const job = await ended(jobId);
  expect(job).toMatchObject({ state: 'SUCCEEDED', input: submit, failures: 1 });
  expect(job.output).toEqual({ said: word.repeat(times), found: { saved: word, before: null } });
  expect((await client.log(jobId)).lines).toHaveLength(4);
  // The same request finds the job, although its input was sealed with another nonce.
  expect(await client.submit('sealed.says', submit, { retry, idempotencyKey: name })).toMatchObject({
    jobId,
    duplicate: true,
  });
  await expect(
    client.submit('sealed.says', { ...submit, word: 'x' }, { retry, idempotencyKey: name }),
  ).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
  expect(await found(word)).toEqual([]);
});

it(
  'the texts of a failed job are in no list, event or file, and its retry is sealed too',
  { timeout: 2 * seconds },
  async () => {
    const word = newWord();
    const gate = gateFor('badly');
    writeFileSync(gate, '');
    const { jobId } = await client.submit('sealed.says', { word, gate, times: 1, ends: 'badly' }, { retry });
    const job = await ended(jobId);
    expect(job).toMatchObject({
      state: 'FAILED',
      failure: { message: `message ${word}`, causes: [{ message: `cause ${word}` }] },
    });
    const listed: JobInfo[] = [];
    for await (const one of client.list({ states: ['FAILED'] })) listed.push(one);
    expect(listed.find(({ id }) => id === jobId)?.failure?.message).toBe(`message ${word}`);
    const again = await client.retry(jobId);
    expect(await ended(again.jobId)).toMatchObject({ state: 'FAILED', input: { word } });
    expect(await found(word)).toEqual([]);
  },
);

it('a word in a label, which stays plain, is found in the store and in NATS', async () => {
  const word = newWord();
  const gate = gateFor('label');
  writeFileSync(gate, '');
  const { jobId } = await client.submit(
    'sealed.says',
    { word: 'x', gate, times: 1, ends: 'well' },
    { retry, labels: { word } },
  );
  await ended(jobId);
  const places = await found(word);
  expect(places.some((place) => place.startsWith(cluster.sqlitePath))).toBe(true);
  expect(places.some((place) => place.startsWith('NATS: '))).toBe(true);
});

it('streams are sealed in pieces, from end to end', { timeout: 2 * seconds }, async () => {
  const word = newWord();
  const bytes = Buffer.concat([Buffer.from(word), randomBytes(3 << 20), Buffer.from(word)]);
  const input = {
    bytes: bytes.byteLength,
    async *open() {
      for (let from = 0; from < bytes.byteLength; from += 200_000) yield bytes.subarray(from, from + 200_000);
    },
  };
  const { jobId } = await client.submitStream('stream.copies', input);
  expect((await ended(jobId)).state).toBe('SUCCEEDED');
  for (const payload of ['input', 'output'] as const) {
    const pieces: Uint8Array[] = [];
    for await (const piece of client.download(jobId, { payload })) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(bytes), payload).toBe(true);
  }
  expect(await found(word)).toEqual([]);
});

it(
  'while the keys are away a submit is refused, a job waits and uses up no attempt, and all goes on when they are back',
  { timeout: 3 * seconds },
  async () => {
    const word = newWord();
    const gate = gateFor('away');
    writeFileSync(gate, '');
    // Processes that have no key in memory.
    await worker.stop();
    const { jobId } = await client.submit(
      'sealed.says',
      { word, gate, times: 1, ends: 'well' },
      { retry: { maxAttempts: 2, initialDelayMs: 10 } },
    );
    vault.isSealed = true;
    worker = await startWorker('worker-2');
    await edge.kill();
    edge = await cluster.restartNode(edge);
    const away = { code: 'ENCRYPTION_UNAVAILABLE', retryable: true };
    const fresh = edge.client({ retry: { maxAttempts: 1 } });
    await expect(fresh.submit('sealed.says', { word, gate, times: 1, ends: 'well' })).rejects.toMatchObject(away);
    await expect(fresh.get(jobId)).rejects.toMatchObject(away);
    await cluster.waitFor(
      'the worker has asked for the key',
      () => worker.lines.some(({ event }) => event === 'encryption.keys-away'),
      seconds,
    );
    // Whoever asks why is told, and sees the rest of the job.
    const why = await cluster.waitFor(
      'the reason why it waits',
      async () => {
        const asked = await fresh.get(jobId, { explain: true });
        return asked.waiting?.reason === 'KEY_UNAVAILABLE' && asked;
      },
      seconds,
    );
    expect(why).toMatchObject({ id: jobId, inputGone: 'keys-away', failures: 0 });
    const metrics = await fetch(`${worker.httpUrl}/metrics`).then((answer) => answer.text());
    expect(metrics).toMatch(/^troupe_encryption_keys_away(\{[^}]*\})? 1$/m);
    vault.isSealed = false;
    client = edge.client();
    const job = await ended(jobId);
    expect(job).toMatchObject({ state: 'SUCCEEDED', failures: 1, losses: 0 });
    expect(await found(word)).toEqual([]);
  },
);
