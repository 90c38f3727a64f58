/**
 * The disk of a cluster on one machine fills up and gets room again, on a real file system: a small one in memory, which
 * takes the right to mount one. On it lie the files of JetStream, which stay in failure until the server is started anew,
 * and the SQLite of the store, which goes on by itself.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, TroupeClientError } from '../../src/client/index.ts';
import { clusterHandlersDir, waitFor } from '../support/cluster.ts';
import { natsServerPath } from '../support/nats.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const withinMs = 120_000;

let folder: string;
let noMount: string | undefined;
let dev: ChildProcess | undefined;
let said = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    noMount = `no small file system can be mounted here: ${error instanceof Error ? error.message : String(error)}`;
  }
});
afterAll(async () => {
  if (dev?.exitCode === null) {
    dev.kill('SIGKILL');
    await once(dev, 'exit');
  }
  if (noMount === undefined) execFileSync('umount', ['--lazy', folder]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function startDev(): Promise<void> {
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
    `nats.serverPath=${await natsServerPath()}`,
  ];
  const flags = ['dev', '--no-samples', '--data-dir', join(folder, 'data'), '--handlers', clusterHandlersDir, ...ports];
  dev = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainFile, ...flags, '--threads', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  dev.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await waitFor(
    'the cluster is ready',
    () => said.includes('  started   nats-server'),
    withinMs,
    () => said,
  );
}

/** Every byte of it. */
function fillDisk(): void {
  const file = openSync(join(folder, 'filler'), 'w');
  try {
    for (let bytes = 65_536; bytes >= 512;) {
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch {
        bytes /= 2;
      }
    }
  } finally {
    closeSync(file);
  }
}

it(
  'says that it is not ready while its disk is full, and runs jobs again once there is room',
  { timeout: 400_000 },
  async ({ skip }) => {
    if (noMount !== undefined) skip(noMount);
    await startDev();
    const http = /HTTP +(\S+)/.exec(said)?.[1] ?? '';
    const client = connect({ address: /gRPC +(\S+)/.exec(said)?.[1] ?? '' });
    const runs = async (): Promise<string> => {
      const { jobId } = await client.submit('test.echo', { hello: 1 });
      return (await client.wait(jobId)).state;
    };
    const readyz = async (): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> =>
      (await (await fetch(`${http}/readyz`)).json()) as { ready: boolean; reasons: string[] };
    expect(await runs()).toBe('SUCCEEDED');

    fillDisk();
    const refusal = await waitFor(
      'a submit is refused for the full disk',
      () =>
        client.submit('test.echo', { hello: 2 }, { timeoutMs: 5_000 }).then(
          () => undefined,
          (error: unknown) => error instanceof TroupeClientError && error.code === 'STORE_UNAVAILABLE',
        ),
      withinMs,
      () => said,
    );
    expect(refusal).toBe(true);
    const full = await waitFor(
      'it is not ready for JetStream and for the store',
      async () => {
        const { reasons } = await readyz();
        const both = [/no lease can be renewed|takes no messages/, /takes no writes/];
        return both.every((one) => reasons.some((reason) => one.test(reason))) ? reasons : undefined;
      },
      withinMs,
      () => said,
    );
    expect(full.length).toBeGreaterThan(1);
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(/^troupe_ready 0$/m);
    expect(said).toContain('troupe is not ready:');

    execFileSync('mount', ['-o', 'remount,size=256m', folder]);
    await waitFor(
      'jobs run again',
      async () => (await runs()) === 'SUCCEEDED',
      withinMs,
      () => said,
    );
    await waitFor(
      'it is ready, and says so to all who ask',
      async () => {
        const { ready } = await readyz();
        const measures = await (await fetch(`${http}/metrics`)).text();
        const isToldLast = said.lastIndexOf('troupe is ready again') > said.lastIndexOf('troupe is not ready');
        return ready && isToldLast && /^troupe_ready 1$/m.test(measures);
      },
      withinMs,
      () => said,
    );
    client.close();
  },
);
