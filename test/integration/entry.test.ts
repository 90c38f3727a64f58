// The entry of `troupe`: what stays begins anew with settings of the allocator, as the same process.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';

const entry = fileURLToPath(new URL('../../scripts/troupe.mjs', import.meta.url));
/** Runs whenever a process begins with Node: its pid, its settings, its arguments. */
const witness =
  'console.error("began", process.pid, process.env.MALLOC_ARENA_MAX, process.execArgv.join(","), process.argv.slice(2).join(" "))';
const newSpace = '--max-semi-space-size=4';
const canBegin = process.platform === 'linux';

async function beginnings(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<readonly string[][]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [entry, ...args], {
    env: {
      PATH: process.env['PATH'],
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(witness)}`,
      ...env,
    },
  });
  expect(stdout).toContain('Usage: troupe');
  expect(stderr).not.toContain('Warning');
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('began '))
    .map((line) => line.split(' ').slice(1));
}

it.each(['dev', 'serve'])('troupe %s begins anew, once', async (command) => {
  const began = await beginnings([command, '--help']);
  const both = [
    ['undefined', ''],
    ['2', newSpace],
  ];
  expect(began.map((words) => words.slice(1, 3))).toEqual(canBegin ? both : both.slice(0, 1));
  expect(new Set(began.map(([pid]) => pid)).size).toBe(1);
  expect(began.at(-1)?.slice(3)).toEqual([command, '--help']);
});

it('leaves alone what is over soon', async () => {
  expect(await beginnings(['submit', '--help'])).toHaveLength(1);
});

it.runIf(canBegin)('keeps the settings of the user', async () => {
  const ofAllocator = await beginnings(['serve', '--help'], { MALLOC_ARENA_MAX: '8' });
  expect(ofAllocator.map((words) => words.slice(1, 3))).toEqual([
    ['8', ''],
    ['8', newSpace],
  ]);
  const heap = '--max-semi-space-size=32';
  const witnessed = `--import=data:text/javascript,${encodeURIComponent(witness)}`;
  const ofHeap = await beginnings(['serve', '--help'], { NODE_OPTIONS: `${witnessed} ${heap}` });
  expect(ofHeap.map((words) => words.slice(1, 3))).toEqual([
    ['undefined', ''],
    ['2', ''],
  ]);
  const ofBoth = await beginnings(['serve', '--help'], { NODE_OPTIONS: `${witnessed} ${heap}`, MALLOC_ARENA_MAX: '8' });
  expect(ofBoth).toHaveLength(1);
});

describe('compiled code', () => {
  let home: string;
  const compiled = (): string => join(home, '.cache', 'troupe', 'compiled');
  const kept = (): readonly string[] =>
    (existsSync(compiled()) ? readdirSync(compiled(), { recursive: true }) : []).map(String);

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'troupe-entry-'));
    return () => {
      rmSync(home, { recursive: true });
    };
  });

  it('is kept in the cache of the user, unless that is switched off', async () => {
    await beginnings(['submit', '--help'], { HOME: home, NODE_DISABLE_COMPILE_CACHE: '1' });
    expect(kept()).toEqual([]);
    await beginnings(['submit', '--help'], { XDG_CACHE_HOME: join(home, '.cache') });
    expect(kept().length).toBeGreaterThan(50);
    expect(statSync(compiled()).mode & 0o777).toBe(0o700);
  });

  it('is kept at home if the variable for caches is not a whole path', async () => {
    await beginnings(['submit', '--help'], { HOME: home, XDG_CACHE_HOME: 'caches' });
    expect(kept().length).toBeGreaterThan(50);
    expect(existsSync('caches')).toBe(false);
  });

  it('is neither kept nor taken where others can write', async () => {
    mkdirSync(compiled(), { recursive: true });
    chmodSync(compiled(), 0o777);
    await beginnings(['submit', '--help'], { HOME: home });
    expect(kept()).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)('is neither kept in nor taken from the home of another user', async () => {
    chownSync(home, 12_345, 12_345);
    await beginnings(['submit', '--help'], { HOME: home });
    expect(readdirSync(home)).toEqual([]);
    mkdirSync(compiled(), { recursive: true, mode: 0o700 });
    chownSync(compiled(), 12_345, 12_345);
    await beginnings(['submit', '--help'], { HOME: home });
    expect(kept()).toEqual([]);
  });

  it('takes a bounded part of the disk', async () => {
    const former = join(compiled(), 'v1');
    mkdirSync(former, { recursive: true, mode: 0o700 });
    for (let entry = 0; entry < 10_000; entry += 1) writeFileSync(join(former, String(entry)), '');
    chmodSync(compiled(), 0o700);
    await beginnings(['submit', '--help'], { HOME: home });
    expect(existsSync(former)).toBe(false);
    expect(kept().length).toBeGreaterThan(50);
  });
});

it('runs for a user without a home', async () => {
  expect(await beginnings(['submit', '--help'], { HOME: '/nonexistent/home' })).toHaveLength(1);
});

it('does not repeat what Node says of a gateway whose address is a number', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-entry-'));
  const { caPath, certPath, keyPath } = makeCertificates(folder);
  // It greets, and hangs up: the command has connected by then, and ends.
  const server = createServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) }, (socket) =>
    socket.destroy(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const run = promisify(execFile)(process.execPath, [entry, '--ca', caPath, '--address', address, 'whoami']);
    const { stderr } = await run.catch((error: unknown) => error as { stderr: string });
    expect(stderr).toContain(`no gateway answers at ${address}`);
    expect(stderr).not.toContain('Warning');
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
