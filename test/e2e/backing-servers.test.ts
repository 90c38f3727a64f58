/**
 * The nats-server that `troupe dev` has started is killed: it is started again on the same port and store, the person at
 * the terminal is told, and jobs run on. One that is killed again and again ends the process, with the code for
 * "start me again".
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { keepIntensity } from '../../src/compose/kept-service.ts';
import { clusterHandlersDir, waitFor } from '../support/cluster.ts';
import { natsServerPath } from '../support/nats.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const withinMs = 60_000;

let folder: string;
let serverPath: string;
let dev: ChildProcess;
let said = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-backing-'));
  serverPath = await natsServerPath();
});
afterEach(async () => {
  if (dev.exitCode !== null) return;
  dev.kill('SIGKILL');
  await once(dev, 'exit');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function startDev(name: string): string {
  const dataDir = join(folder, name);
  const ports = [
    '--port',
    '0',
    '--http-port',
    '0',
    '--web-port',
    '0',
    '--set',
    'nats.port=0',
    '--set',
    `nats.serverPath=${serverPath}`,
  ];
  const flags = [
    'dev',
    '--no-samples',
    '--data-dir',
    dataDir,
    '--handlers',
    clusterHandlersDir,
    '--threads',
    '1',
    ...ports,
  ];
  dev = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainFile, ...flags], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  said = '';
  dev.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return dataDir;
}

const saidTimes = (text: string): number => said.split(text).length - 1;
const untilSaid = (text: string, times = 1): Promise<unknown> =>
  waitFor(
    `'${text}' is said ${times} times`,
    () => saidTimes(text) >= times,
    withinMs,
    () => said,
  );

function killServer(dataDir: string): void {
  process.kill(Number(readFileSync(join(dataDir, 'nats', 'nats-server.pid'), 'utf8')), 'SIGKILL');
}

it(
  'starts the nats-server again that it had started, where it was, and jobs run on',
  { timeout: 180_000 },
  async () => {
    const dataDir = startDev('again');
    await untilSaid('  started   nats-server');
    const natsUrl = /NATS +(\S+)/.exec(said)?.[1];
    const client = connect({ address: /gRPC +(\S+)/.exec(said)?.[1] ?? '' });
    killServer(dataDir);
    await untilSaid('nats-server is down (it ended); it is started again (1 of 5)');
    await untilSaid('nats-server is back');
    const { jobId } = await client.submit('test.echo', { hello: 1 });
    expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
    client.close();
    expect(readFileSync(join(dataDir, 'nats', 'nats-server.conf'), 'utf8')).toContain(
      `port: ${new URL(natsUrl ?? '').port}\n`,
    );
    dev.kill('SIGTERM');
    await once(dev, 'exit');
    expect(dev.exitCode).toBe(0);
  },
);

it('ends with 70 when its nats-server does not stay up, and says so', { timeout: 240_000 }, async () => {
  const dataDir = startDev('given-up');
  const ended = once(dev, 'exit');
  await untilSaid('  started   nats-server');
  for (let kills = 1; kills <= keepIntensity.maxRestarts; kills++) {
    killServer(dataDir);
    await untilSaid('nats-server is back', kills);
  }
  killServer(dataDir);
  await ended;
  expect(dev.exitCode).toBe(70);
  expect(said).toContain('troupe: nats-server does not stay up (5 restarts in 5 min): it ended');
});
