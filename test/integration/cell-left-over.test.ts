/** What a run leaves behind in its thread: it ends with the run, and is never blamed on the next one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;
let folder: string;
/** What a run leaves behind acts once this file exists. */
let onceThere: string;
/** A run that goes on meanwhile ends once this file exists. */
let over: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-left-over-'));
  onceThere = join(folder, 'act');
  over = join(folder, 'over');
});
afterEach(async () => {
  await zoo.stop();
  rmSync(folder, { recursive: true });
});

const act = (): void => writeFileSync(onceThere, '');

const texts = (run: { readonly lines: readonly { readonly text: string }[] }): readonly string[] =>
  run.lines.map(({ text }) => text);

describe('a run that ends and leaves something behind', () => {
  const cases = [
    ['throw', '1 × timer'],
    ['rejection', '1 × timer'],
    ['exit', '1 × timer'],
    ['loop', '1 × timer'],
    ['print', '1 × timer'],
    ['server', '1 × server'],
    ['child', '1 × child process'],
    ['thread', '1 × thread'],
  ] as const;
  for (const [what, left] of cases) {
    it(`ends with its thread, says so in its own log, and the next run knows nothing of it: ${what}`, async () => {
      zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
      const first = zoo.run('leaves', { what, onceThere });
      const next = zoo.run('sleeps', { ms: 500 }, { executionTimeoutMs: 20_000 });
      expect((await first.ended).outcome.kind).toBe('succeeded');
      await next.started;
      act();
      const advice = left === '1 × timer' ? ' (clearTimeout or unref() would save a new one)' : '';
      expect(texts(first)).toEqual([`the handler ended and left ${left} behind; its thread ends with them${advice}`]);
      expect((await next.ended).outcome).toMatchObject({ kind: 'succeeded' });
      expect(texts(next)).toEqual([]);
    });
  }

  it('keeps its own failure', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const { outcome } = await zoo.run('leaves', { what: 'throw', fails: true }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { reason: 'HANDLER_FAILED', message: 'failed at once' } });
  });

  it('leaves nothing when it tidies up: its thread is used again', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    let looks = 0;
    const threadOf = async (): Promise<number | undefined> => {
      const until = join(folder, `${(looks += 1)}`);
      const run = zoo.run('holds', { until });
      await run.started;
      await eventually('its thread is known', () => zoo.pool.runs()[0]?.thread !== undefined);
      const thread = zoo.pool.runs()[0]?.thread;
      writeFileSync(until, '');
      await run.ended;
      return thread;
    };
    const before = await threadOf();
    const tidy = zoo.run('leaves', { what: 'nothing' });
    await tidy.ended;
    expect(texts(tidy)).toEqual([]);
    expect(await threadOf()).toBe(before);
  });
});

describe('what nothing waits for (unref) and a thread is used again with', () => {
  for (const what of ['throw', 'rejection', 'exit'] as const) {
    it(`fails under its own name while another run goes on: ${what}`, async () => {
      zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
      const first = zoo.run('leaves', { what, unref: true, onceThere });
      const next = zoo.run('holds', { until: over });
      expect((await first.ended).outcome.kind).toBe('succeeded');
      await next.started;
      act();
      await eventually('the other run is told', () => next.lines.length > 0);
      writeFileSync(over, '');
      expect((await next.ended).outcome).toMatchObject({ kind: 'succeeded' });
      const said = what === 'exit' ? 'process.exit(7)' : 'too late';
      expect(texts(next)).toEqual([
        `what job job-1 (attempt 1) left behind in this thread threw: ${said}; this run goes on, its thread is not used again`,
      ]);
      expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
    });
  }

  it('loops under its own name: the run that waits for it is lost, uncounted', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const first = zoo.run('leaves', { what: 'loop', unref: true, onceThere });
    const next = zoo.run('holds', { until: over }, { executionTimeoutMs: 5_000 });
    expect((await first.ended).outcome.kind).toBe('succeeded');
    await next.started;
    act();
    expect((await next.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
    expect(texts(next)).toEqual([
      'job job-1 (attempt 1) left code behind that held this thread: the attempt ends with it, and is not counted as a failure',
    ]);
  });

  it('is not made an excuse of: who loops himself has timed out', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    await zoo.run('noop').ended;
    const { outcome } = await zoo.run('endless', {}, { executionTimeoutMs: 400 }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { reason: 'ATTEMPT_TIMED_OUT' } });
  });

  it('prints into the log of nobody else', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const first = zoo.run('leaves', { what: 'print', unref: true, onceThere });
    const next = zoo.run('sleeps', { ms: 1_000 });
    await first.ended;
    await next.started;
    act();
    await next.ended;
    expect(texts(first)).toEqual([]);
    expect(texts(next)).toEqual([]);
  });
});

describe('a run that changes who hears of errors that nobody catches', () => {
  it.each(['listens', 'takes away'])('changes it for itself alone: %s', async (what) => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const first = zoo.run('strays', { what });
    expect((await first.ended).outcome.kind).toBe('succeeded');
    expect(texts(first)).toEqual([expect.stringMatching(/^the handler changed who hears of uncaughtException/)]);
    // Swallowed, it would be a run that never ends.
    const { outcome } = await zoo.run('strays', { what: 'timer' }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { reason: 'THREAD_CRASHED' } });
  });
});
