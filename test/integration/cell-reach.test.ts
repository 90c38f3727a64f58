/** What a handler reaches of its cell and its node when it tries. SECURITY.md names these tests. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';
import { CountedStreams } from '../support/run-streams.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, env: { TROUPE_SECRET: 'of the cell' } });
});
afterAll(async () => {
  await zoo.stop();
});

async function reached(what: string, pool = zoo): Promise<unknown> {
  const { outcome } = await pool.run('reaches', { for: what }).ended;
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.output.json);
}

describe('a handler does not reach', () => {
  it.each([
    'the main thread by a session',
    'the main thread by a session with promises',
    'itself by a session',
    'itself by a port',
    'what was there before',
    'a thread for hooks',
    'flags of V8',
    'the main thread by a worker',
    'the main thread by a worker with flags',
    'the main thread by a worker with variables',
    'the main thread by a worker with shared variables',
    'the main thread by the class of a worker',
    'the main thread by the class that channels tell',
  ])('%s', async (what) => {
    expect(await reached(what)).toEqual({ refused: 'ERR_ACCESS_DENIED' });
    expect(zoo.pool.stats().cells[0]).toMatchObject({ state: 'up', restarts: 0 });
  });

  it('the binding of the inspector', async () => {
    expect(await reached('the binding of the inspector')).toEqual({ got: '' });
  });

  it.each(['the inspector of its cell', 'the inspector of its node'])('%s', async (what) => {
    expect(await reached(what)).toEqual({ refused: 'ECONNREFUSED' });
  });
});

describe('a handler sees of its cell', () => {
  it.each(['the environment of its cell', 'the environment of its cell in a report'])(
    'what the allocator reads, and what it was given: %s',
    async (what) => {
      expect(await reached(what)).toEqual({ got: expect.arrayContaining(['MALLOC_MMAP_THRESHOLD_']) as unknown });
    },
  );
});

/** What is open to a handler whose cell has the user of the node. SECURITY.md says so. */
describe.runIf(process.platform === 'linux')('a handler under the user of its node still reaches', () => {
  it.each([
    'the environment of its node',
    'the command line of its node',
    'the descriptors of its node',
    'the memory of its node',
    'the memory of its cell',
    'a signal to its node',
  ])('%s', async (what) => {
    expect(await reached(what)).toMatchObject({ got: expect.anything() as unknown });
  });
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('cells under another user are not tried: only root can start them\n');

describe.runIf(isRoot)('a handler under another user', () => {
  const uid = 64_999;
  let other: Harness;
  beforeAll(async () => {
    other = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, cellUid: uid });
  });
  afterAll(async () => {
    await other.stop();
  });

  it('has that user, and ends like any other', async () => {
    expect(await reached('its user', other)).toEqual({ got: uid });
    const endless = other.run('endless', {}, { executionTimeoutMs: 300 });
    expect((await endless.ended).outcome).toMatchObject({ failure: { reason: 'ATTEMPT_TIMED_OUT' } });
  });

  it.each([
    'the environment of its node',
    'the descriptors of its node',
    'the memory of its node',
    'the environment of its cell',
    'the memory of its cell',
  ])('does not reach %s', async (what) => {
    expect(await reached(what, other)).toEqual({ refused: 'EACCES' });
  });

  it('takes its input as a file, and nothing of it stays', async () => {
    const scratchFolder = mkdtempSync(join(tmpdir(), 'troupe-scratch-'));
    const handlerDirs = [fileURLToPath(new URL('../support/stream-handlers', import.meta.url))];
    const pool = await startPool({ handlerDirs, threads: 1, scratchFolder, cellUid: uid });
    try {
      const streams = new CountedStreams(2 ** 20 + 7);
      const { outcome } = await pool.run('stream.reads', undefined, { input: streams.input }, streams).ended;
      if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
      const found = JSON.parse(outcome.output.json) as { readonly file: string; readonly path: string };
      expect(found.file).toBe(streams.sha256(0));
      await eventually('its file is removed', () => !existsSync(found.path));
    } finally {
      await pool.stop();
      rmSync(scratchFolder, { recursive: true });
    }
  });

  it('is not there if the system refuses: the start fails, and the key is named', async () => {
    const start = startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, cellUid: 2 ** 32 - 1 });
    await expect(start).rejects.toThrow('workers.cellUid: the cell cannot become user 4294967295');
  });

  it('sends its node no signal', async () => {
    expect(await reached('a signal to its node', other)).toEqual({ refused: 'EPERM' });
  });
});
