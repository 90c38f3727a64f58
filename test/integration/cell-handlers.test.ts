/** Handler files from a folder outside of the repository: what is loaded, what is refused, and hot reload. */
import { mkdtemp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HandlerManifest } from '../../src/domain/handler-manifest.ts';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let dir: string;
let pool: Harness | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-handlers-'));
});
afterEach(async () => {
  await pool?.stop();
  pool = undefined;
  await rm(dir, { recursive: true });
});

/** A handler whose result tells which code ran. */
function source(name: string, value: string, wait = 0): string {
  return `
    import { defineHandler } from 'troupe/handlers';
    import { z } from 'zod';
    export default defineHandler({
      name: '${name}', version: '${value}', input: z.object({}),
      async run(): Promise<string> { await new Promise((r) => setTimeout(r, ${wait})); return '${value}'; },
    });`;
}

/** As an editor saves: beside, then renamed over. */
async function save(file: string, text: string): Promise<void> {
  await writeFile(join(dir, `${file}.tmp`), text);
  await rename(join(dir, `${file}.tmp`), join(dir, file));
}

async function resultOf(running: Harness, handler: string): Promise<unknown> {
  const { outcome } = await running.run(handler).ended;
  return outcome.kind === 'succeeded' && outcome.output?.kind === 'json' ? JSON.parse(outcome.output.json) : outcome;
}

function problems(running: Harness): string[] {
  return running.log
    .filter(({ message }) => message === 'handler file not loaded')
    .map(({ fields }) => `${String(fields['file']).split('/').at(-1) ?? ''}: ${String(fields['reason'])}`);
}

describe('loading', () => {
  it('finds the SDK and zod from a folder with nothing installed, in .ts, .js and .mjs, at any depth', async () => {
    await mkdir(join(dir, 'deep', 'node_modules'), { recursive: true });
    await save('a.job.ts', source('a', '1'));
    await save('deep/b.job.mjs', source('b', '2').replace(': Promise<string>', ''));
    await save('deep/c.job.js', source('c', '3').replace(': Promise<string>', ''));
    await save('deep/node_modules/d.job.js', 'throw new Error("never imported")');
    await save('helper.ts', 'throw new Error("not a handler file")');
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(pool.manifests.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(problems(pool)).toEqual([]);
    for (const [name, value] of [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ] as const) {
      expect(await resultOf(pool, name)).toBe(value);
    }
  });

  it('finds what an import means: ./a.js is ./a.ts where there is no ./a.js; CommonJS is refused by name', async () => {
    const importing = (file: string, name: string) =>
      source(name, '1')
        .replace('import { z }', `import { word } from '${file}';\n    import { z }`)
        .replace("return '1'", 'return word');
    await save('typed.ts', "export const word: string = 'typed';");
    await save('typed-module.mts', "export const word: string = 'typed module';");
    await save('both.ts', "export const word: string = 'wrong';");
    await save('both.js', "export const word = 'plain';");
    await save('a.job.ts', importing('./typed.js', 'a'));
    await save('b.job.ts', importing('./typed-module.mjs', 'b'));
    await save('c.job.ts', importing('./both.js', 'c'));
    await save('e.job.ts', importing('./nowhere.js', 'e'));
    await save(
      'd.job.cjs',
      "const { defineHandler } = require('troupe/handlers'); module.exports = defineHandler({ name: 'd', run: () => 'common' });",
    );
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(problems(pool)).toEqual([
      'd.job.cjs: it is CommonJS, but a handler must be an ES module: .ts, .mts, .js or .mjs',
      expect.stringMatching(/^e\.job\.ts: Cannot find module .*nowhere\.js/),
    ]);
    const results: unknown[] = [];
    for (const name of ['a', 'b', 'c']) results.push(await resultOf(pool, name));
    expect(results).toEqual(['typed', 'typed module', 'plain']);
  });

  it('refuses each broken file with its reason, and serves the others', async () => {
    await save('a.job.ts', source('twin', '1'));
    await save('b.job.ts', source('twin', '2'));
    await save('exits.job.ts', 'process.exit(5);');
    await save('kills.job.ts', "process.kill(process.pid, 'SIGKILL'); for (;;);");
    await save('lazy.job.ts', 'export const nothing = 1;');
    await save('missing.job.ts', "import './not-there.ts';");
    await save('syntax.job.ts', 'export default {{{');
    await save('throws.job.ts', "throw new Error('no licence');");
    await save('wrong.job.ts', source('wrong', '1').replace('version:', "executionTimeout: '5 parsecs', version:"));
    await save('z.job.ts', source('last', 'fine'));
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(pool.manifests.map(({ name, version }) => `${name}@${version}`)).toEqual(['twin@1', 'last@fine']);
    expect(await resultOf(pool, 'last')).toBe('fine');
    const found = problems(pool).sort();
    expect(found).toHaveLength(8);
    for (const [index, pattern] of [
      /^b\.job\.ts: the handler "twin" is already defined by file:.*a\.job\.ts$/,
      /^exits\.job\.ts: its import ended the thread$/,
      /^kills\.job\.ts: its import killed the process \(signal SIGKILL\)$/,
      /^lazy\.job\.ts: it has no default export made by defineHandler$/,
      /^missing\.job\.ts: .*not-there\.ts/,
      /^syntax\.job\.ts: .*/,
      /^throws\.job\.ts: no licence$/,
      /^wrong\.job\.ts: handler "wrong": executionTimeout: "5 parsecs" is not valid/,
    ].entries()) {
      expect(found[index]).toMatch(pattern);
    }
  });

  it.each([
    ['a timeout below zero', 'executionTimeoutMs: -5', /^forged\.job\.mjs: .*executionTimeoutMs/],
    ['a name that is no subject', "name: 'a b > *'", /^forged\.job\.mjs: .*name/],
    ['no name at all', 'name: undefined', /^forged\.job\.mjs: .*name/],
    ['retries without end', 'retry: { maxAttempts: 1e9 }', /^forged\.job\.mjs: .*retry\.maxAttempts/],
  ])('refuses what defineHandler would not have made, and serves the others: %s', async (_what, wrong, reason) => {
    await save('a.job.ts', source('first', '1'));
    await save(
      'forged.job.mjs',
      `export default { '~troupe': 1, name: 'forged', version: '1', retry: {}, run: () => 1, ${wrong} };`,
    );
    await save('z.job.ts', source('last', '1'));
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(pool.manifests.map(({ name }) => name)).toEqual(['first', 'last']);
    expect(problems(pool)).toEqual([expect.stringMatching(reason)]);
  });

  it.each([
    ['is a text', "'string'"],
    ['has a BigInt in it', '{ type: "object", maxProperties: 5n }'],
    ['goes around in a circle', '((circle) => (circle.not = circle))({})'],
    ['is larger than a message', '{ type: "object", description: "x".repeat(2_000_000) }'],
  ])('leaves a schema out that %s: the handler alone checks its input', async (_what, schema) => {
    await save(
      'odd.job.mjs',
      `export default { '~troupe': 1, name: 'odd', version: '1', retry: {}, run: () => 'ran',
        input: { '~standard': { version: 1, vendor: 'odd', validate: (value) => ({ value }), jsonSchema: { input: () => (${schema}) } } } };`,
    );
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(pool.manifests).toEqual([{ name: 'odd', version: '1', inputKind: 'json' }]);
    expect(await resultOf(pool, 'odd')).toBe('ran');
  });

  it('tells what it knows of a handler without running it', async () => {
    pool = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const checked = pool.manifests.find(({ name }) => name === 'checked');
    expect(checked).toMatchObject({
      version: '1.2.3',
      inputKind: 'any',
      executionTimeoutMs: 60_000,
      memoryMb: 64,
      retry: { maxAttempts: 2, initialMs: 1_000, maxMs: 10_000, coefficient: 3 },
      cancelGraceMs: 250,
    });
    expect(checked?.inputSchema).toMatchObject({ type: 'object', required: ['page'] });
  });

  it('says which folder it cannot read', async () => {
    await expect(startPool({ handlerDirs: [join(dir, 'nowhere')] })).rejects.toThrow(/handler folder .*nowhere/);
  });
});

describe('hot reload', () => {
  it('gives new runs the new code; what runs finishes on the old, even in a replaced thread', async () => {
    await save('slow.job.ts', source('slow', 'old', 1_500));
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    const announced: (readonly HandlerManifest[])[] = [];
    pool.pool.onManifests((manifests) => announced.push(manifests));
    const old = resultOf(pool, 'slow');
    await save('slow.job.ts', source('slow', 'new'));
    await save('extra.job.ts', source('extra', 'here'));
    await eventually('the new code is announced', () => announced.at(-1)?.length === 2);
    expect(announced.at(-1)?.map(({ name, version }) => `${name}@${version}`)).toEqual(['extra@here', 'slow@new']);
    expect(await resultOf(pool, 'slow')).toBe('new');
    expect(await resultOf(pool, 'extra')).toBe('here');
    expect(await old).toBe('old');
    const running = pool;
    await eventually('the old cell is gone', () => running.pool.stats().cells.length === 1);
  });

  it('keeps the whole old code when a file that worked is broken, also after a crash, until it is mended', async () => {
    await save('lib.ts', "export const value: string = 'old';");
    await save(
      'uses.job.ts',
      source('uses', '1').replace("'1';", 'value;').replace('import', "import { value } from './lib.ts';\nimport"),
    );
    await save('exits.job.ts', source('exits', '1').replace('return', 'process.exit(1); return'));
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    expect(await resultOf(pool, 'uses')).toBe('old');
    const running = pool;
    const refused = (): boolean => running.log.some(({ message }) => message.startsWith('handlers not reloaded'));

    await save('lib.ts', "export const value: string = 'new';\nthrow new Error('half done');");
    await eventually('the reload is refused', refused);
    expect(problems(pool)).toContain('uses.job.ts: half done');
    expect(await resultOf(pool, 'exits')).toMatchObject({ kind: 'failed' });
    expect(await resultOf(pool, 'uses')).toBe('old'); // in a new thread, while the file on disk is broken

    const announced: (readonly HandlerManifest[])[] = [];
    pool.pool.onManifests((manifests) => announced.push(manifests));
    await save('lib.ts', "export const value: string = 'new';");
    await eventually('the mended code is announced', () => announced.length > 0);
    expect(await resultOf(pool, 'uses')).toBe('new');
  });

  it('drops a handler whose file is removed, and does nothing when nothing changed', async () => {
    await save('a.job.ts', source('a', '1'));
    await save('b.job.ts', source('b', '1'));
    pool = await startPool({ handlerDirs: [dir], threads: 1 });
    const announced: (readonly HandlerManifest[])[] = [];
    pool.pool.onManifests((manifests) => announced.push(manifests));
    await save('a.job.ts', source('a', '1'));
    await writeFile(join(dir, 'notes.txt'), 'no code');
    await rm(join(dir, 'b.job.ts'));
    await eventually('b is gone', () => announced.at(-1)?.length === 1);
    expect(announced).toHaveLength(1);
    expect(await resultOf(pool, 'b')).toEqual({ kind: 'released' });
  });
});
