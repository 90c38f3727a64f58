/** What a handler reaches of its cell and its node when it tries. SECURITY.md names these tests. */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { given } from '../../src/domain/given.ts';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';
import { CountedStreams } from '../support/run-streams.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, env: { TROUPE_SECRET: 'of the cell' } });
});
afterAll(async () => {
  await zoo.stop();
});

async function reached(what: string, pool = zoo, where: object = {}): Promise<unknown> {
  const { outcome } = await pool.run('reaches', { for: what, ...where }).ended;
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

describe.runIf(process.platform === 'linux')('a handler sees of its cell', () => {
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
    'the memory of its cell by a program',
    'to write into the memory of its cell',
    'a signal to its node',
  ])('%s', async (what) => {
    expect(await reached(what)).toMatchObject({ got: expect.anything() as unknown });
  });
});

/** What a handler reaches of a cell beside its own. */
async function reachedNextDoor(cellUid?: number): Promise<readonly unknown[]> {
  const pool = await startPool({ handlerDirs: [zooDir], threads: 2, cells: 2, memoryMb: 96, ...given({ cellUid }) });
  try {
    const pids = pool.pool.stats().cells.map(({ pid }) => pid);
    return [
      await reached('the memory of another cell', pool, { pids }),
      await reached('a signal to another cell', pool, { pids }),
    ];
  } finally {
    await pool.stop();
  }
}

it.runIf(process.platform === 'linux')('a handler under the user of its node reaches other cells', async () => {
  expect(await reachedNextDoor()).toEqual([{ got: 16 }, { got: true }]);
});

it('a handler does not reach the main thread while it is imported', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-import-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'imports.job.ts'), importing);
  const pool = await startPool({ handlerDirs: [dir], threads: 1, memoryMb: 96 });
  await pool.stop();
  expect(pool.manifests.map(({ version }) => version)).toEqual(['ERR_ACCESS_DENIED']);
});

const importing = `
  import { Session } from 'node:inspector';
  import { defineHandler } from 'troupe/handlers';
  let version = 'reached';
  try {
    new Session().connectToMainThread();
  } catch (error) {
    version = error.code;
  }
  export default defineHandler({ name: 'imports', version, run: () => 1 });`;

describe('a handler reaches under any user', () => {
  it('the network', async () => {
    const server = createServer((socket) => socket.end('an answer')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await reached('the network', zoo, { port })).toEqual({ got: 'an answer' });
    server.close();
  });

  it('native code', async () => {
    expect(await reached('native code')).toEqual({ refused: 'ERR_DLOPEN_FAILED' });
  });

  it('what is sent to its cell', async () => {
    expect(await reached('what is sent to its cell')).toEqual({ refused: 'EAGAIN' });
  });
});

/** A file that only the user of the node may read, in a folder that all may pass. */
function secretFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-secret-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const path = join(folder, 'secret');
  writeFileSync(path, 'a secret', { mode: 0o600 });
  return path;
}

it('a handler under the user of its node reads a file of its node', async () => {
  expect(await reached('a file of its node', zoo, { path: secretFile() })).toEqual({ got: 'a secret' });
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
    'the memory of its cell by a program',
    'to write into the memory of its cell',
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

  it('ends other cells, and does not read their memory', async () => {
    expect(await reachedNextDoor(uid)).toEqual([{ refused: 'EACCES' }, { got: true }]);
  });

  it('does not read a file of its node', async () => {
    expect(await reached('a file of its node', other, { path: secretFile() })).toEqual({ refused: 'EACCES' });
  });

  it('sends its node no signal', async () => {
    expect(await reached('a signal to its node', other)).toEqual({ refused: 'EPERM' });
  });
});
