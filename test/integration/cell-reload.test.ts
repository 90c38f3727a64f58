/** Reloads by files that are no code, and folders that something writes into all the time. */
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HandlerNews } from '../../src/application/ports/handler-news.ts';
import { eventually, startPool, type Harness } from '../support/rogue-handlers/harness.ts';

let dir: string;
let pool: Harness | undefined;
let news: HandlerNews[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-reload-'));
  news = [];
});
afterEach(async () => {
  await pool?.stop();
  pool = undefined;
  await rm(dir, { recursive: true });
});

async function save(file: string, text: string | Uint8Array): Promise<void> {
  await writeFile(join(dir, `.${file}.saving`), text);
  await rename(join(dir, `.${file}.saving`), join(dir, file));
}

async function start(): Promise<Harness> {
  pool = await startPool({ handlerDirs: [dir], threads: 1, onNews: (one) => news.push(one) });
  return pool;
}

/** Says what its module has read when it was imported. */
const reads = (file: string): string => `
  import { readFileSync } from 'node:fs';
  import { defineHandler } from 'troupe/handlers';
  const text = readFileSync(new URL('./${file}', import.meta.url), 'utf8');
  export default defineHandler({ name: 'reads', run: () => text });`;

async function resultOf(running: Harness): Promise<unknown> {
  const { outcome } = await running.run('reads').ended;
  return outcome.kind === 'succeeded' && outcome.output?.kind === 'json' ? JSON.parse(outcome.output.json) : outcome;
}

const versioned = (version: string): string => `
  import { defineHandler } from 'troupe/handlers';
  export default defineHandler({ name: 'reads', version: '${version}', run: () => '${version}' });`;

const reloaded = (): readonly HandlerNews[] => news.filter(({ kind }) => kind === 'reloaded');

it.each(['model.wasm', 'words.txt', 'table.json'])(
  'a changed %s: the next run has it, and it is told',
  async (file) => {
    await save(file, 'old');
    await save('reads.job.ts', reads(file));
    const running = await start();
    expect(await resultOf(running)).toBe('old');
    await save(file, 'new');
    await eventually('it is told', () => reloaded().length === 1);
    expect(await resultOf(running)).toBe('new');
    expect(reloaded()).toEqual([
      { kind: 'reloaded', handlers: ['reads'], changes: [{ file, how: 'changed' }], problems: [] },
    ]);
  },
);

it('a data file that was missing when the handler did not load', async () => {
  await save('reads.job.ts', reads('later.bin'));
  const running = await start();
  expect(running.manifests).toEqual([]);
  await save('later.bin', 'here');
  await eventually('it is loaded', () => reloaded().length === 1);
  expect(await resultOf(running)).toBe('here');
});

it('a change while the handlers are loaded for the first time', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'troupe-gate-'));
  try {
    const [begun, gate] = [join(outside, 'begun'), join(outside, 'gate')];
    const waits = `import { existsSync, writeFileSync } from 'node:fs';
      writeFileSync(${JSON.stringify(begun)}, '');
      const lock = new Int32Array(new SharedArrayBuffer(4));
      while (!existsSync(${JSON.stringify(gate)})) Atomics.wait(lock, 0, 0, 10);`;
    await save('words.txt', 'old');
    await save(
      'reads.job.ts',
      reads('words.txt').replace('import { defineHandler }', `${waits}\nimport { defineHandler }`),
    );
    const starting = start();
    await eventually('it is being imported', () => existsSync(begun));
    await save('more.job.ts', reads('words.txt').replace("name: 'reads'", "name: 'more'"));
    await writeFile(gate, '');
    await starting;
    await eventually('it is seen', () => reloaded().length === 1);
    expect(reloaded()).toMatchObject([{ handlers: ['more', 'reads'], changes: [{ file: 'more.job.ts', how: 'new' }] }]);
  } finally {
    await rm(outside, { recursive: true });
  }
});

it('more folders than are watched: the log says so', async () => {
  await save('reads.job.ts', versioned('1'));
  for (let at = 0; at < 1_000; at += 1) await mkdir(join(dir, `folder-${at}`));
  const { log } = await start();
  const said = log.filter(({ message }) => message.startsWith('handler folders are not watched'));
  expect(said.map(({ fields }) => String(fields['err']))).toEqual(['Error: there are more than 1000 folders to watch']);
});

it.each(['.', 'deep'])('a folder (%s) that is wiped and made anew, as a build does, is watched on', async (folder) => {
  const below = join(dir, 'handlers', folder);
  const own = join(dir, 'handlers');
  const make = async (version: string): Promise<void> => {
    await mkdir(below, { recursive: true });
    await writeFile(join(below, 'reads.job.ts'), versioned(version));
  };
  await make('1');
  pool = await startPool({ handlerDirs: [own], threads: 1, onNews: (one) => news.push(one) });
  const running = pool;
  const serves = (version: string) => (): boolean => running.pool.manifests()[0]?.version === version;
  await rm(below, { recursive: true });
  await make('2');
  await eventually('the new one is seen', serves('2'));
  await writeFile(join(below, 'reads.job.ts'), versioned('3'));
  await eventually('a later change is seen', serves('3'));
  if (folder !== '.') return;
  // In one go: a folder that stands empty for a while has handlers that were removed.
  rmSync(below, { recursive: true });
  await eventually('that it is gone is told', () => news.some(({ kind }) => kind === 'not-reloaded'));
  expect(await resultOf(running)).toBe('3');
  await make('4');
  await eventually('it is back', serves('4'));
  expect(news.filter(({ kind }) => kind === 'not-reloaded')).toEqual([
    { kind: 'not-reloaded', changes: [], problems: [{ file: '', reason: expect.stringContaining(own) as string }] },
  ]);
});

it('code reloads beside something that writes all the time, which reloads three times at most', async () => {
  await save('state.txt', '0');
  await save('reads.job.ts', reads('state.txt'));
  const running = await start();
  let count = 0;
  const writing = new AbortController();
  const writer = (async () => {
    // Hardly ever still for as long as it takes to be taken for settled: new files, and one that was there.
    while (!writing.signal.aborted) {
      count += 1;
      await writeFile(join(dir, `out-${count}.tmp`), String(count));
      await writeFile(join(dir, 'state.txt'), String(count));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await eventually('it writes', () => count > 5);
  await save('more.job.ts', reads('state.txt').replace("name: 'reads'", "name: 'more'"));
  await eventually('the new code is loaded', () => running.pool.manifests().length === 2);
  writing.abort();
  await writer;
  // What is written all the time may be seen to have changed in the same moment, or before if a write took long.
  const code = { file: 'more.job.ts', how: 'new' };
  expect(reloaded()).toContainEqual({
    kind: 'reloaded',
    handlers: ['more', 'reads'],
    changes: expect.arrayContaining([code]) as unknown,
    problems: [],
  });

  // As a handler does that writes beside itself, once in each run.
  let saves = 0;
  // Four reloads, each of which starts a cell.
  await eventually(
    'it is left out',
    () => {
      if (reloaded().length + 1 > saves) {
        saves += 1;
        void writeFile(join(dir, 'state.txt'), `run ${saves}`);
      }
      return news.some(({ kind }) => kind === 'left-out');
    },
    90_000,
  );
  expect(news.filter(({ kind }) => kind === 'left-out')).toEqual([
    { kind: 'left-out', files: ['state.txt'], restMs: 60_000 },
  ]);
  expect(reloaded().length).toBeLessThanOrEqual(1 + 3);
});
