/**
 * local-kms on a free port, with its data in a folder of its own. It checks no signatures, so what does stands before it, as
 * AWS would: with the time, the scope, and the digest of the body.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKmsServer } from '../../scripts/kms-server.ts';
import { freePort } from './cassandra-global.ts';
import { waitFor } from './cluster.ts';

export const kmsRegion = 'eu-west-2';
export const kmsAccount = 'arn:aws:kms:eu-west-2:111122223333';
const skewMaxMs = 300_000;

export interface LocalKms {
  readonly endpoint: string;
  /** Of two keys. */
  readonly keyArns: readonly [string, string];
  readonly accessKeyId: string;
  /** With which requests must be signed from now on. */
  secretAccessKey: string;
  /** Answers nothing, and closes the connection. */
  isDead: boolean;
  /** The code with which every request is refused, such as ThrottlingException. */
  refusesWith: string | undefined;
  /** Operations and bodies that came with a right signature, in order. */
  readonly requests: { readonly operation: string; readonly body: Readonly<Record<string, unknown>> }[];
  /** A request of whoever runs the KMS, such as DisableKey. */
  manage(operation: string, body: object): Promise<void>;
  stop(): Promise<void>;
}

/** Returns the reason if there is no server, and prints it. */
export async function startLocalKms(): Promise<LocalKms | { readonly lack: string }> {
  const found = await findKmsServer((line) => void process.stderr.write(`${line}\n`));
  if ('lack' in found) {
    process.stderr.write(`no server that speaks KMS: ${found.lack}\n`);
    return found;
  }
  const folder = mkdtempSync(join(tmpdir(), 'troupe-kms-'));
  const ids = [randomUUID(), randomUUID()] as const;
  const keys = ids.map(
    (id) =>
      `      - Metadata:\n          KeyId: ${id}\n        BackingKeys:\n          - ${randomBytes(32).toString('hex')}\n`,
  );
  const seed = join(folder, 'seed.yaml');
  const alias = `Aliases:\n  - AliasName: alias/troupe\n    TargetKeyId: ${ids[0]}\n`;
  writeFileSync(seed, `Keys:\n  Symmetric:\n    Aes:\n${keys.join('')}\n${alias}`);
  const port = await freePort();
  const env = { PORT: String(port), KMS_SEED_PATH: seed, KMS_DATA_PATH: join(folder, 'data'), KMS_REGION: kmsRegion };
  const server = spawn(found.path, { env, stdio: 'ignore' });
  const end = (): void => void server.kill('SIGKILL');
  process.once('exit', end);
  const behind = `http://127.0.0.1:${port}/`;
  await waitFor(
    'local-kms answers',
    () =>
      fetch(behind).then(
        () => true,
        () => false,
      ),
    20_000,
  );

  const ask = (operation: string, body: string): Promise<Response> =>
    fetch(behind, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` },
      body,
    });

  async function answer(asked: IncomingMessage): Promise<{ readonly status: number; readonly text: string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const refusal = own.refusesWith ?? whyRefused(asked, body, own);
    if (refusal !== undefined) return { status: 400, text: JSON.stringify({ __type: refusal, message: 'no' }) };
    const operation = String(asked.headers['x-amz-target']).replace('TrentService.', '');
    own.requests.push({ operation, body: JSON.parse(body.toString()) as Record<string, unknown> });
    const passed = await ask(operation, body.toString());
    return { status: passed.status, text: await passed.text() };
  }

  const front = createServer((asked, response) => {
    if (own.isDead) {
      asked.socket.destroy();
      return;
    }
    void answer(asked).then(({ status, text }) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(text);
    });
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');

  const own: LocalKms = {
    endpoint: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    keyArns: [`${kmsAccount}:key/${ids[0]}`, `${kmsAccount}:key/${ids[1]}`],
    accessKeyId: 'AKIATESTS',
    secretAccessKey: 'a secret of the test',
    isDead: false,
    refusesWith: undefined,
    requests: [],
    async manage(operation, body) {
      const passed = await ask(operation, JSON.stringify(body));
      if (!passed.ok) throw new Error(`${operation}: ${await passed.text()}`);
    },
    async stop() {
      process.removeListener('exit', end);
      front.closeAllConnections();
      front.close();
      await once(front, 'close');
      await stopped(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return own;
}

async function stopped(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}

/** The code with which AWS would refuse it. */
function whyRefused(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  { accessKeyId, secretAccessKey }: Pick<LocalKms, 'accessKeyId' | 'secretAccessKey'>,
): string | undefined {
  const [, credential = '', signed = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? [];
  const [id, ...scope] = credential.split('/');
  const date = String(headers['x-amz-date'] ?? '');
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.map(Number) ?? [];
  const atMs = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  if (!(Math.abs(Date.now() - atMs) < skewMaxMs)) return 'InvalidSignatureException';
  if (id !== accessKeyId) return 'UnrecognizedClientException';
  if (scope.join('/') !== `${date.slice(0, 8)}/${kmsRegion}/kms/aws4_request`) return 'InvalidSignatureException';
  const names = signed.split(';');
  if (!['host', 'x-amz-date', 'x-amz-target'].every((name) => names.includes(name))) return 'InvalidSignatureException';
  const lines = names.map((name) => `${name}:${String(headers[name] ?? '')}\n`).join('');
  const canonical = [method, url, '', lines, signed, sha256(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  let key: string | Buffer = `AWS4${secretAccessKey}`;
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key).update(text).digest('hex') === signature ? undefined : 'InvalidSignatureException';
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
