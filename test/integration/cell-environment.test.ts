/** What `handlers.env` gives: to the import of a handler in the boot thread, and to its runs in each thread of each cell. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPool, type Harness } from '../support/rogue-handlers/harness.ts';

let dir: string;
let pool: Harness | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-env-'));
});
afterEach(async () => {
  await pool?.stop();
  pool = undefined;
  await rm(dir, { recursive: true });
});

const source = `
  import { defineHandler } from 'troupe/handlers';
  import { execFileSync } from 'node:child_process';
  const atImport = { ...process.env };
  export default defineHandler({
    name: 'reads', version: process.env.APP_VERSION ?? 'none',
    run: () => ({
      atImport, now: { ...process.env },
      child: execFileSync(process.execPath, ['-p', 'JSON.stringify(process.env)']).toString(),
    }),
  });`;

describe('the environment of a handler', () => {
  it('is what the pool is given, and nothing of its process, in every cell', async () => {
    // Cells and threads share it by a variable, which no handler may see.
    enableCompileCache(join(dir, 'compiled'));
    await writeFile(join(dir, 'reads.job.ts'), source);
    const handlerEnv = new Map([
      ['APP_VERSION', '7.1'],
      ['APP_EMPTY', ''],
      ['__proto__', 'a name like others'],
    ]);
    pool = await startPool({ handlerDirs: [dir], threads: 2, cells: 2, handlerEnv, env: { SECRET: 'of the cell' } });
    expect(pool.manifests.map(({ name, version }) => `${name}@${version}`)).toEqual(['reads@7.1']);
    const running = pool;
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => running.run('reads').ended));
    const given = Object.fromEntries(handlerEnv);
    for (const { outcome } of outcomes) {
      if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
      const seen = JSON.parse(outcome.output.json) as { atImport: object; now: object; child: string };
      expect(seen.atImport).toEqual(given);
      expect(seen.now).toEqual(given);
      // What it starts sees no more either.
      expect(Object.keys(JSON.parse(seen.child) as object)).not.toContain('SECRET');
      expect(JSON.parse(seen.child)).toMatchObject({ APP_VERSION: '7.1' });
      expect(Object.keys(JSON.parse(seen.child) as object)).not.toContain('NODE_COMPILE_CACHE');
    }
    expect(await readdir(getCompileCacheDir() ?? '')).not.toEqual([]);
  });
});
