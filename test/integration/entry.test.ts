// The entry of `troupe`: what stays begins anew with settings of the allocator, as the same process.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../scripts/troupe.mjs', import.meta.url));
/** Runs whenever a process begins with Node: its pid, its setting, its arguments. */
const witness = 'console.error("began", process.pid, process.env.MALLOC_ARENA_MAX, process.argv.slice(2).join(" "))';
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
  expect(began.map(([, setting]) => setting)).toEqual(canBegin ? ['undefined', '2'] : ['undefined']);
  expect(new Set(began.map(([pid]) => pid)).size).toBe(1);
  expect(began.at(-1)?.slice(2)).toEqual([command, '--help']);
});

it('leaves alone what is over soon, and who has settings already', async () => {
  expect(await beginnings(['submit', '--help'])).toHaveLength(1);
  const [only, ...more] = await beginnings(['serve', '--help'], { MALLOC_ARENA_MAX: '8' });
  expect([only?.[1], more]).toEqual(['8', []]);
});

it('keeps compiled code in the cache of its user, unless it is told not to', async () => {
  const caches = mkdtempSync(join(tmpdir(), 'troupe-entry-'));
  const kept = (): readonly string[] => readdirSync(caches, { recursive: true }).map(String);
  try {
    await beginnings(['submit', '--help'], { XDG_CACHE_HOME: caches, NODE_DISABLE_COMPILE_CACHE: '1' });
    expect(kept()).toEqual([]);
    await beginnings(['submit', '--help'], { XDG_CACHE_HOME: caches });
    expect(kept().filter((path) => path.startsWith(join('troupe', 'compiled'))).length).toBeGreaterThan(50);
  } finally {
    rmSync(caches, { recursive: true });
  }
});

it('runs for a user without a home', async () => {
  expect(await beginnings(['submit', '--help'], { HOME: '/nonexistent/home' })).toHaveLength(1);
});
