// What `troupe` says when something is not there, cannot be read, or does not answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { makeCertificates } from '../support/certificates.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let folder: string;

beforeAll(async () => {
  edge = await openEdge();
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-errors-'));
  writeFileSync(join(folder, 'picture.raw'), 'x');
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await edge.close();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function troupe(args: readonly string[]): Promise<Ran> {
  const terminal = recordedTerminal();
  const address = `127.0.0.1:${edge.port}`;
  const code = await runCli([...args, '--address', address], { terminal });
  return { code, ...terminal.written };
}

async function submitted(...more: readonly string[]): Promise<string> {
  const { code, out } = await troupe(['submit', 'test.echo', '{"a":1}', ...more]);
  expect(code).toBe(0);
  return out.trim();
}

it('names what there is not, and what may have been meant', async () => {
  const handler = await troupe(['submit', 'test.ecko', '{}']);
  expect([handler.code, handler.err]).toEqual([
    4,
    expect.stringContaining('the handler test.ecko; did you mean test.echo?'),
  ]);
  await troupe(['queues', 'create', 'drawings']);
  const queue = await troupe(['submit', 'test.echo', '{}', '--queue', 'drawing']);
  expect(queue.err).toContain('the queue does not exist: drawing; did you mean drawings?');
  const gone = '01890000-0000-7000-8000-000000000000';
  expect((await troupe(['get', gone])).err).toContain(`its retention is over: ${gone}\n`);
  const id = await submitted('--key', 'one-key');
  const other = await troupe(['submit', 'test.echo', '{"b":2}', '--key', 'one-key']);
  expect([other.code, other.err]).toEqual([5, expect.stringMatching(new RegExp(`IDEMPOTENCY_KEY_REUSED.*: ${id}`))]);
});

it.each([false, true])(
  'says that it waits for a full queue, and goes on when there is room (json %s)',
  async (isJson) => {
    const queue = `full-${isJson}`;
    await troupe(['queues', 'create', queue, '--max-depth', '1']);
    const first = await submitted('--queue', queue);
    const terminal = recordedTerminal();
    const args = ['submit', 'test.echo', '{"b":2}', '--queue', queue, '--address', `127.0.0.1:${edge.port}`];
    const code = runCli([...args, ...(isJson ? ['--json'] : [])], { terminal });
    const waits = isJson
      ? /^\{"retrying":\{"code":"QUEUE_FULL","message":"[^"]+","delayMs":\d+\}\}\n/
      : /^troupe: QUEUE_FULL: .+; retrying in [\d.]+m?s\n/;
    await vi.waitFor(() => {
      expect(terminal.written.err).toMatch(waits);
    }, 30_000);
    await troupe(['cancel', first]);
    expect(await code, terminal.written.err).toBe(0);
    expect(terminal.written.out).not.toBe('');
  },
);

it('says in words what is wrong with a file, before anything is submitted', async () => {
  const id = await submitted();
  const { run } = await edge.apply(id, { kind: 'claim', node: 'n1', token: 't' });
  await edge.apply(id, {
    kind: 'report',
    token: run?.token ?? '',
    outcome: { kind: 'succeeded', output: { kind: 'json', json: '{}' } },
  });
  const [nowhere, inFile] = [join(folder, 'nowhere', 'x'), join(folder, 'picture.raw', 'x')];
  for (const [args, words] of [
    [['get', id, '--output', nowhere], `${nowhere} cannot be written: the file or folder does not exist`],
    [['output', id, '--to', nowhere], `${nowhere}.part cannot be written: the file or folder does not exist`],
    [
      ['submit', 'test.echo', '--output-dir', inFile],
      `${inFile} cannot be written: a part of the path is not a folder`,
    ],
    [['submit', 'test.echo', '--input-file', nowhere], `${nowhere} cannot be read: the file or folder does not exist`],
    [['get', id, '--ca', nowhere], `--ca ${nowhere} cannot be read: the file or folder does not exist`],
    [['queues', 'apply', folder], `${folder} cannot be read: it is a folder, not a file`],
  ] as const) {
    const ran = await troupe(args);
    expect([ran.code, ran.err]).toEqual([2, `troupe: ${words}\n`]);
  }
});

it('says what to write in place of an address, and who speaks TLS', async () => {
  const ask = async (...args: string[]) => {
    const terminal = recordedTerminal();
    return { code: await runCli(['get', 'x', ...args], { terminal }), err: terminal.written.err };
  };
  const url = await ask('--address', `http://127.0.0.1:${edge.port}`);
  expect(url).toEqual({
    code: 2,
    err: expect.stringContaining(`is a URL: write 127.0.0.1:${edge.port}\n`) as string,
  });
  expect((await ask('--address', 'localhost')).err).toContain('has no port: write localhost:50051');
  expect(await ask('--address', '127.0.0.1:1')).toMatchObject({
    code: 3,
    err: expect.stringContaining('no gateway answers at 127.0.0.1:1: nothing listens at this address') as string,
  });
  const plain = await ask('--tls', '--address', `127.0.0.1:${edge.port}`);
  expect([plain.code, plain.err]).toEqual([3, expect.stringContaining('the gateway does not use TLS')]);
  const { certPath, keyPath, caPath } = makeCertificates(folder);
  const server = createSecureServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const secure = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await ask('--address', secure)).err).toContain('the gateway uses TLS: add --tls, or --ca FILE');
    expect((await ask('--tls', '--address', secure)).err).toMatch(
      /its certificate is not trusted \([A-Z_]+\): name its certificate authority with --ca FILE/,
    );
    expect((await ask('--ca', caPath, '--address', secure)).err).not.toContain('not trusted');
  } finally {
    server.close();
  }
});

it.each([
  ['127.0.0.1', {}],
  ['localhost', {}],
  ['127.0.0.1', { no_proxy: 'example.com' }],
])('asks no proxy for %s with %j', async (host, env) => {
  // Nothing listens at the proxy.
  const proxies = {
    http_proxy: 'http://127.0.0.1:1',
    https_proxy: 'http://127.0.0.1:1',
    grpc_proxy: 'http://127.0.0.1:1',
  };
  const args = ['src/cli/main.ts', 'list', '--address', `${host}:${edge.port}`];
  const child = spawn(process.execPath, args, {
    stdio: 'ignore',
    env: { PATH: process.execPath, ...proxies, ...env },
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
});
