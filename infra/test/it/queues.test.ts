/**
 * `cdktf deploy queues-local`, for real, on a `troupe dev`: queues are made, found changed by hand and mended; one with jobs
 * is not taken away. The steps build on each other.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalDeployment, type LocalDeployment, type Ran } from './local-deployment.ts';

const rootDir = fileURLToPath(new URL('../../..', import.meta.url));
const images = { executionTimeout: '2m', maxDepth: 100 };
const mails = { flow: { paused: true } };
const stack = 'queues-local';

let local: LocalDeployment;
let dev: ChildProcess;

async function troupe(...args: readonly string[]): Promise<Ran> {
  return local.troupe(...args, '--address', `127.0.0.1:${local.ports.gateway}`);
}

async function done(...args: readonly string[]): Promise<string> {
  const { code, text } = await troupe(...args);
  expect(code, text).toBe(0);
  return text;
}

async function deploy(): Promise<string> {
  const { code, text } = await local.cdktf('deploy', stack);
  expect(code, text).toBe(0);
  return text;
}

async function diff(): Promise<string> {
  const { code, text } = await local.cdktf('diff', stack);
  expect(code, text).toBe(0);
  return text;
}

function declare(declared: Readonly<Record<string, object>>): void {
  local.configure({ queues: { declared } });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 120_000;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within two minutes: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

beforeAll(async () => {
  local = await createLocalDeployment({ store: 'sqlite' });
  const port = String(local.ports.gateway);
  const data = [
    '--store',
    'sqlite',
    '--data-dir',
    `${local.dataDir}/dev`,
    '--port',
    port,
    '--http-port',
    '0',
    '--web-port',
    '0',
  ];
  dev = spawn(process.execPath, ['scripts/troupe.mjs', 'dev', '--no-samples', '--threads', '1', ...data], {
    cwd: rootDir,
    stdio: 'ignore',
  });
  await until('it answers', async () => (await troupe('queues', 'list')).code === 0);
});
afterAll(async () => {
  const isOver = new Promise((resolve) => dev.once('exit', resolve));
  if (dev.exitCode === null && dev.kill('SIGTERM')) await isOver;
  local.remove();
});

describe('cdktf deploy queues-local', () => {
  it('makes what is declared, and a second time finds nothing to do', async () => {
    declare({ images, mails });
    await deploy();
    expect(await done('queues', 'list')).toMatch(/^images +2m/m);
    expect(await diff()).toContain('No changes');
  });

  it('sees what was changed by hand when it plans, and mends it', async () => {
    await done('queues', 'update', 'images', '--max-depth', '7');
    expect(await diff()).toContain('(queues/mend) must be replaced');
    await deploy();
    expect(await done('queues', 'get', 'images', '--json')).toContain('"maxDepth":100');
    expect(await diff()).toContain('No changes');
  });

  it('takes no queue away that has jobs, and says so; without them it does', async () => {
    const input = JSON.stringify({ x: -0.74, y: 0.13, scale: 0.01, width: 60, height: 40, maxIterations: 200 });
    const jobId = (await done('submit', 'fractal.render', input, '--queue', 'mails')).trim();
    declare({ images });
    const refused = await local.cdktf('deploy', stack);
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain('QUEUE_NOT_EMPTY: queue mails has unfinished jobs: 1 wait');
    await done('queues', 'get', 'mails');
    await done('cancel', jobId);
    await until('nothing waits', async () => /^waiting +0$/m.test(await done('queues', 'stats', 'mails')));
    await deploy();
    expect((await troupe('queues', 'get', 'mails')).code).toBe(4);
    expect(await done('get', jobId)).toContain('CANCELLED');
  });

  it('deletes what it made when it is destroyed, and tells when nobody can be asked', async () => {
    const { code, text } = await local.cdktf('destroy', stack);
    expect(code, text).toBe(0);
    expect((await troupe('queues', 'get', 'images')).code).toBe(4);
    const isOver = new Promise((resolve) => dev.once('exit', resolve));
    dev.kill('SIGTERM');
    await isOver;
    expect(await diff()).toContain('are not compared with what is declared: ');
  });
});
