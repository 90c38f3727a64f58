/** The rogue zoo, first half: every way a run can end while its process lives. Neighbours finish, capacity is back. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
});
afterAll(async () => {
  await zoo.stop();
});
afterEach(async () => {
  await eventually('both threads are free again', () => zoo.pool.capacity() >= 2);
  expect(zoo.pool.stats()).toMatchObject({ busy: 0, waiting: 0 });
});

async function failureOf(handler: string, input: unknown = {}) {
  const { outcome } = await zoo.run(handler, input).ended;
  if (outcome.kind !== 'failed') throw new Error(`expected a failure, got ${JSON.stringify(outcome)}`);
  return { ...outcome.failure, retryable: outcome.retryable };
}

/** Its neighbour sleeps in the other thread meanwhile, and must not notice. */
async function besideNeighbour<T>(act: () => Promise<T>): Promise<T> {
  const neighbour = zoo.run('sleeps', { ms: 400 });
  await neighbour.started;
  const result = await act();
  expect((await neighbour.ended).outcome).toEqual({
    kind: 'succeeded',
    output: { kind: 'json', json: '{"slept":400}' },
  });
  expect(neighbour.ends).toBe(1);
  return result;
}

describe('what a handler returns', () => {
  it('records JSON, bytes, or nothing', async () => {
    const area = await zoo.run('checked', { page: { width: 7 } }).ended;
    expect(area.outcome).toEqual({ kind: 'succeeded', output: { kind: 'json', json: '{"area":49}' } });
    const reversed = await zoo.run('checked', new Uint8Array([1, 2, 3])).ended;
    expect(reversed.outcome).toEqual({
      kind: 'succeeded',
      output: { kind: 'bytes', bytes: new Uint8Array([3, 2, 1]) },
    });
    expect((await zoo.run('noop').ended).outcome).toEqual({ kind: 'succeeded' });
  });

  it('carries large bytes both ways', async () => {
    const bytes = new Uint8Array(5_000_000).map((_, index) => index % 251);
    const { outcome } = await zoo.run('checked', bytes).ended;
    if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'bytes') throw new Error('expected bytes');
    expect(Buffer.compare(outcome.output.bytes, bytes.reverse())).toBe(0);
  });

  it.each(['function', 'nested function', 'bigint', 'cycle', 'map', 'symbol'])('refuses a %s', async (what) => {
    expect(await failureOf('uncloneable', { what })).toMatchObject({ reason: 'INVALID_OUTPUT', retryable: false });
  });

  it('refuses what fails its own schema, naming the field', async () => {
    const failure = await failureOf('checked', { page: { width: 1 }, lie: true });
    expect(failure).toMatchObject({ reason: 'INVALID_OUTPUT', retryable: false });
    expect(failure.message).toContain('output');
  });

  it('refuses an input that fails the schema, naming the field', async () => {
    const failure = await failureOf('checked', { page: { width: 101 } });
    expect(failure).toMatchObject({ reason: 'INVALID_INPUT', retryable: false });
    expect(failure.message).toMatch(/^input\.page\.width: /);
  });

  it('gives back, unbegun, what a reload took the handler of', async () => {
    expect((await zoo.run('nobody').ended).outcome.kind).toBe('released');
  });
});

describe('what a handler throws', () => {
  it.each([
    ['error', { reason: 'HANDLER_FAILED', message: 'the disk is full', code: 'ENOSPC', retryable: true }],
    ['undefined', { reason: 'HANDLER_FAILED', message: 'undefined was thrown', retryable: true }],
    ['fail', { reason: 'HANDLER_FAILED', message: 'upstream is away', code: 'UPSTREAM', retryable: true }],
    ['reject', { reason: 'HANDLER_REJECTED', message: 'this is not an image', code: 'NOT_AN_IMAGE', retryable: false }],
    ['final', { reason: 'HANDLER_FAILED', message: 'no use', retryable: false }],
  ])('%s', async (what, expected) => {
    expect(await failureOf('throws', { what })).toMatchObject(expected);
  });

  it('bounds message and stack', async () => {
    const failure = await failureOf('throws', { what: 'hostile' });
    expect(failure.message.length).toBeLessThanOrEqual(1_024);
    expect(failure.stack?.length).toBeLessThanOrEqual(4_096);
  });
});

describe('what kills the thread', () => {
  it('process.exit', async () => {
    const failure = await besideNeighbour(() => failureOf('exits'));
    expect(failure).toMatchObject({ reason: 'THREAD_CRASHED', retryable: true });
    expect(failure.message).toContain('exit code 3');
  });

  it.each(['rejection', 'late rejection', 'timer'])('a stray %s', async (what) => {
    const failure = await besideNeighbour(() => failureOf('strays', { what }));
    expect(failure).toMatchObject({ reason: 'THREAD_CRASHED', retryable: true });
    expect(failure.message).toMatch(/nobody/);
  });

  it('a heap full of small objects: the thread alone, or, when V8 aborts instead, its cell, which comes back', async () => {
    const neighbour = zoo.run('sleeps', { ms: 400 });
    await neighbour.started;
    const { outcome } = await zoo.run('hoards').ended;
    const others = (await neighbour.ended).outcome.kind;
    const restarts = zoo.pool.stats().cells.map((cell) => cell.restarts);
    if (outcome.kind === 'lost') {
      // A thread is no border for V8: what is full after a collection may end the process. The log says that it died.
      expect(restarts).toEqual([1]);
      expect(zoo.log.some(({ message }) => message === 'cell died')).toBe(true);
      return;
    }
    expect(outcome).toMatchObject({ kind: 'failed', retryable: true, failure: { reason: 'OUT_OF_MEMORY' } });
    expect([others, restarts]).toEqual(['succeeded', [0]]);
  });
});

describe('progress and logs', () => {
  it('shows progress from inside a synchronous loop', async () => {
    const run = zoo.run('polite');
    await eventually('progress of a busy loop is seen', () => run.progress.length >= 3);
    zoo.pool.cancel(run.runId);
    expect((await run.ended).outcome).toEqual({ kind: 'stopped' });
  });

  it('keeps the last lines and the last note of a run that ends right after them', async () => {
    for (let time = 0; time < 50; time += 1) {
      const run = zoo.run('floods', { times: 3 });
      await run.ended;
      expect(run.lines.filter(({ text }) => text.startsWith('line')).map(({ text }) => text)).toEqual([
        'line 1',
        'line 2',
        'line 3',
      ]);
      expect(run.progress.at(-1)).toEqual({ fraction: 1, note: 'step 3' });
    }
  });

  it('survives a flood, and bounds it', async () => {
    const run = await besideNeighbour(async () => {
      const flood = zoo.run('floods', { times: 100_000 });
      await flood.ended;
      return flood;
    });
    expect((await run.ended).outcome).toMatchObject({ kind: 'succeeded' });
    expect(run.lines.length).toBeGreaterThan(100);
    expect(run.lines.length).toBeLessThan(1_000);
    expect(run.lines.at(-1)?.text).toMatch(/\d+ further log lines were dropped/);
    expect(run.lines.some(({ text }) => text === 'printed 1')).toBe(true);
    expect(run.progress.length).toBeLessThan(200);
    expect(run.progress.at(-1)).toEqual({ fraction: 1, note: 'step 100000' });
  });
});
