/** What a handler can see and change of its thread, its cell and its node: as little as threads allow. */
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, env: { TROUPE_SECRET: 'of the cell alone' } });
});
afterAll(async () => {
  await zoo.stop();
});

async function outputOf(handler: string, input: unknown = {}): Promise<unknown> {
  const { outcome } = await zoo.run(handler, input).ended;
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.output.json);
}

interface Seen {
  readonly env: object;
  readonly argv: readonly string[];
  readonly send: string;
  readonly channel: string;
  readonly connected: string;
  readonly disconnect: string;
  readonly descriptors: readonly string[];
}

describe('a handler', () => {
  it('sees no environment, no arguments, and no channel to the node', async () => {
    expect(await outputOf('looks')).toMatchObject({
      env: {},
      argv: [],
      send: 'undefined',
      channel: 'undefined',
      connected: 'undefined',
      disconnect: 'undefined',
    });
    expect(zoo.pool.stats().cells[0]).toMatchObject({ state: 'up', restarts: 0 });
  });

  it('inherits no file and no socket of the node: only output and the channel of its cell', async () => {
    // Open while the cell is started: an inherited descriptor would be in it.
    const file = await open(tmpdir());
    const server = createServer().listen(0, '127.0.0.1');
    const fresh = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96 });
    try {
      const { outcome } = await fresh.run('looks').ended;
      if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'json') throw new Error(JSON.stringify(outcome));
      const { descriptors } = JSON.parse(outcome.output.json) as Seen;
      const sockets = descriptors.filter((target) => target.startsWith('socket:'));
      const files = descriptors.filter((target) => target.startsWith('/') && target !== '/dev/null');
      // stdout, stderr and the channel are pairs of sockets made for the cell.
      expect(sockets.length).toBeLessThanOrEqual(3);
      expect(files.filter((path) => !path.startsWith('/proc/'))).toEqual([]);
    } finally {
      await fresh.stop();
      server.close();
      await file.close();
    }
  });
});

describe('a handler that tampers with', () => {
  it.each(['objects', 'arrays', 'promises', 'globals', 'atomics', 'ports', 'console', 'shared memory'])(
    '%s: harms neither the neighbour nor any later run',
    async (what) => {
      const neighbour = zoo.run('sleeps', { ms: 300 });
      await neighbour.started;
      const run = zoo.run('tampers', { what }, { executionTimeoutMs: 5_000 });
      const { outcome } = await run.ended;
      // Its own result may suffer, never the protocol: there is one end, in time.
      expect(['succeeded', 'failed']).toContain(outcome.kind);
      expect((await neighbour.ended).outcome).toEqual({
        kind: 'succeeded',
        output: { kind: 'json', json: '{"slept":300}' },
      });
      expect([run.ends, neighbour.ends]).toEqual([1, 1]);
      // Over all threads, more than once: none of them is as the rogue has left it.
      for (let time = 0; time < 6; time += 1) {
        expect(await outputOf('checked', { page: { width: 7 } })).toEqual({ area: 49 });
        expect(await outputOf('pristine')).toEqual({ changed: [] });
      }
      await eventually('both threads are free', () => zoo.pool.capacity() >= 2);
      expect(zoo.pool.stats().cells[0]).toMatchObject({ state: 'up', restarts: 0 });
    },
  );

  it.each([
    ['objects', /Object\.prototype/],
    ['arrays', /Array\.prototype/],
    ['promises', /Promise\.prototype/],
    ['globals', /globalThis/],
    ['atomics', /Atomics/],
    ['ports', /MessagePort\.prototype/],
    ['console', /console/],
  ])('%s: is told so in its log, and keeps its result', async (what, changed) => {
    const run = zoo.run('tampers', { what });
    const output = { kind: 'json', json: `{"tampered":"${what}"}` };
    expect((await run.ended).outcome).toEqual({ kind: 'succeeded', output });
    expect(run.lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      expect.stringMatching(changed),
    ]);
  });
});

describe('a handler that floods its cell by itself', () => {
  it('is ended, its neighbour is not', async () => {
    const neighbour = zoo.run('sleeps', { ms: 1_000 });
    await neighbour.started;
    const { outcome } = await zoo.run('floods', { times: 10_000_000, raw: true }).ended;
    expect(outcome).toMatchObject({
      kind: 'failed',
      failure: { reason: 'THREAD_CRASHED', message: 'the handler flooded its cell with messages' },
    });
    expect((await neighbour.ended).outcome.kind).toBe('succeeded');
  });
});

describe('a handler that speaks to its cell by itself', () => {
  it.each([
    ['shared memory in a line', 'succeeded'],
    ['a port in a line', 'succeeded'],
    ['shared memory in a checkpoint', 'succeeded'],
    ['a checkpoint without a number', 'succeeded'],
    ['a checkpoint below zero', 'succeeded'],
    ['progress below zero', 'succeeded'],
    ['a gigabyte of checkpoints', 'failed'],
    ['an error that is none', 'failed'],
  ])('ends alone, and its neighbour and cell go on: %s', async (what, kind) => {
    const neighbour = zoo.run('sleeps', { ms: 600 });
    await neighbour.started;
    const run = zoo.run('speaks', { what });
    expect((await run.ended).outcome.kind).toBe(kind);
    expect((await neighbour.ended).outcome.kind).toBe('succeeded');
    expect(run.progress.every(({ fraction }) => fraction >= 0 && fraction <= 1)).toBe(true);
    // One under way and a last one are all that `ctx` sends before it has an answer.
    expect(run.checkpoints.length).toBeLessThanOrEqual(2);
    expect(zoo.pool.stats().cells[0]).toMatchObject({ state: 'up', restarts: 0 });
  });
});

describe('what a run returns', () => {
  it('is bounded where it is made: no more than that comes to the node', async () => {
    const small = await startPool({ handlerDirs: [zooDir], threads: 1, memoryMb: 96, outputMaxBytes: 2 ** 20 });
    try {
      const outcome = async (mb: number): Promise<unknown> => (await small.run('bulky', { mb }).ended).outcome;
      expect(await outcome(1)).toMatchObject({ kind: 'succeeded' });
      const message =
        'the output has 2097152 bytes, at most 1048576 are allowed: give a larger one with ctx.output.stream()';
      expect(await outcome(2)).toEqual({
        kind: 'failed',
        retryable: false,
        failure: { reason: 'INVALID_OUTPUT', message },
      });
    } finally {
      await small.stop();
    }
  });
});
