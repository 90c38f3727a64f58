import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findNatsServer } from '../../src/backing/nats/find-nats-server.ts';
import { startNatsServer } from '../../src/backing/nats/start-nats-server.ts';
import { checkServerVersion } from '../../src/adapters/nats/server-version.ts';
import { eventually, natsServerPath, natsTestLog as log } from '../support/nats.ts';

describe('a nats-server of our own', () => {
  let path: string;
  let root: string;
  let storeDir: string;
  let number = 0;

  beforeAll(async () => {
    path = await natsServerPath();
    root = await mkdtemp(join(tmpdir(), 'troupe-nats-server-'));
  });
  beforeEach(() => {
    number += 1;
    storeDir = join(root, String(number));
  });
  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  test('starts on a free port of the loopback, logs to its directory and stops', async () => {
    const server = await startNatsServer({ path, storeDir, port: 0, log });
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
    expect(isAlive(server.pid)).toBe(true);
    expect(await readFile(server.logFile, 'utf8')).toContain('Server is ready');
    expect(await readFile(join(storeDir, 'nats-server.conf'), 'utf8')).toContain('sync_interval: always');
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    await server.stop();
  });

  test('a port that is taken is said clearly', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as AddressInfo;
    await expect(startNatsServer({ path, storeDir, port, log })).rejects.toThrow(`port ${port} on 127.0.0.1 is in use`);
    await new Promise((resolve) => blocker.close(resolve));
  });

  test('what keeps the server from starting is in the error', async () => {
    const broken = join(root, 'broken');
    await writeFile(broken, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    await expect(startNatsServer({ path: broken, storeDir, port: 0, log })).rejects.toThrow(
      'nats-server did not start',
    );
  });

  test('a server that does not come up in time is ended, and does not hold its directory against the next start', async () => {
    const slow = join(root, 'slow');
    // Says its number, as the real one does before it has read its streams, and then nothing. It has time to say it.
    await writeFile(slow, '#!/bin/sh\necho $$ > "$(dirname "$2")/nats-server.pid"\nwhile :; do sleep 0.1; done\n', {
      mode: 0o755,
    });
    const start = (): Promise<unknown> => startNatsServer({ path: slow, storeDir, port: 0, startMaxMs: 3_000, log });
    await expect(start()).rejects.toThrow('nats-server did not start within 3000 ms');
    expect(isAlive(Number(await readFile(join(storeDir, 'nats-server.pid'), 'utf8')))).toBe(false);
    await expect(start()).rejects.toThrow('nats-server did not start within 3000 ms');
    // Nor does one that nobody wants any more: it is ended at once.
    const stop = AbortSignal.timeout(300);
    await expect(startNatsServer({ path: slow, storeDir, port: 0, stop, log })).rejects.toThrow('did not start');
    const server = await startNatsServer({ path, storeDir, port: 0, log });
    await server.stop();
  });

  test('a directory in use is refused, also to the process that uses it', async () => {
    const server = await startNatsServer({ path, storeDir, port: 0, log });
    await expect(startNatsServer({ path, storeDir, port: 0, log })).rejects.toThrow(
      `process ${process.pid} runs a nats-server (${server.pid}) on it`,
    );
    await server.stop();
  });

  test('dies with its parent, even when that is killed; the parent may end by itself, too', async () => {
    for (const signal of ['SIGKILL', undefined] as const) {
      const parent = startParent(path, storeDir, signal === undefined ? '' : waits);
      const pid = await parent.serverPid;
      if (signal !== undefined) {
        expect(isAlive(pid)).toBe(true);
        parent.kill(signal);
      }
      await parent.exited;
      await eventually(() => !isAlive(pid));
    }
  });

  test('is waited for by a process that has nothing else to do, although it ends late', async () => {
    const parent = startParent(path, storeDir, `process.kill(server.pid, 'SIGSTOP'); await server.stop();`);
    const pid = await parent.serverPid;
    expect(await parent.exited).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test('does not outlive the shell that keeps it', async () => {
    const server = await startNatsServer({ path, storeDir, port: 0, log });
    process.kill(Number(ps(server.pid, 'ppid')), 'SIGKILL');
    await server.exited;
    await eventually(() => !isAlive(server.pid));
  });

  test('a server that was left behind all the same is stopped at the next start', async () => {
    const former = await startNatsServer({ path, storeDir, port: 0, log });
    await former.stop();
    const left = spawn(path, ['-c', join(storeDir, 'nats-server.conf')], { stdio: 'ignore' });
    const leftPid = left.pid ?? 0;
    await eventually(
      async () => (await readFile(join(storeDir, 'nats-server.pid'), 'utf8').catch(() => '')) === String(leftPid),
    );
    const next = await startNatsServer({ path, storeDir, port: 0, log });
    await eventually(() => !isAlive(leftPid));
    expect(isAlive(next.pid)).toBe(true);
    await next.stop();
  });

  test('the binary: an explicit one must do, without any there is one clear line', async () => {
    const options = { cacheDir: join(root, 'no-cache'), log, allowInstall: false };
    await expect(findNatsServer({ ...options, explicitPath: '/nowhere/nats-server' })).rejects.toThrow(
      /no usable nats-server: \/nowhere\/nats-server .* Install nats-server 2\.15/,
    );
    expect(await findNatsServer({ ...options, explicitPath: path })).toMatchObject({ path });
    const old = join(root, 'old');
    await writeFile(old, '#!/bin/sh\necho "nats-server: v2.10.1"\n', { mode: 0o755 });
    await expect(findNatsServer({ ...options, explicitPath: old })).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
    });
  });

  test('versions: older than 2.14.5 is refused, 2.14.5 is accepted with a warning', () => {
    expect(() => checkServerVersion('2.14.4')).toThrow('nats-server 2.14.4 is too old');
    expect(() => checkServerVersion('2.9.25')).toThrow('too old');
    expect(checkServerVersion('2.14.5')).toBe('old');
    expect(checkServerVersion('2.14.6')).toBe('ok');
    expect(checkServerVersion('2.15.2')).toBe('ok');
    expect(checkServerVersion('3.0.0-beta')).toBe('ok');
  });
});

function isAlive(pid: number): boolean {
  const state = ps(pid, 'stat');
  return state !== '' && !state.startsWith('Z');
}

/** Empty when there is no such process. */
function ps(pid: number, column: 'stat' | 'ppid'): string {
  return spawnSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
}

const waits = 'setInterval(() => {}, 1000);';

/** A process of its own that starts a server, and what it does then. */
function startParent(path: string, storeDir: string, then: string) {
  const module = new URL('../../src/backing/nats/start-nats-server.ts', import.meta.url).href;
  const script = `
    const { startNatsServer } = await import(${JSON.stringify(module)});
    const log = { debug() {}, info() {}, warn() {}, error() {}, child() { return log; } };
    const server = await startNatsServer({ path: ${JSON.stringify(path)}, storeDir: ${JSON.stringify(storeDir)}, port: 0, log });
    process.stdout.write(server.pid + '\\n');
    ${then}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const serverPid = new Promise<number>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
  });
  return { serverPid, exited, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}
