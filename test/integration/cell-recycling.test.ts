/** Cells that are no longer fit are replaced while they work: nothing is lost, and the node has its threads again. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

afterEach(async () => {
  await zoo.stop();
});

describe('a thread in native code', () => {
  it('is counted as leaked; its cell is replaced at once, its neighbours end well, then it is ended with the old cell', async () => {
    const over = join(mkdtempSync(join(tmpdir(), 'troupe-recycling-')), 'over');
    onTestFinished(() => rmSync(dirname(over), { recursive: true }));
    // However long the new cell takes to start, the old one waits for its neighbour.
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, stuckDrainMaxMs: 120_000 });
    const neighbour = zoo.run('holds', { until: over });
    const native = zoo.run('native');
    await Promise.all([neighbour.started, native.started]);
    const atMs = performance.now();
    zoo.pool.cancel(native.runId);
    await eventually('the leak is seen', () => zoo.pool.stats().leaked === 1);
    expect(zoo.pool.capacity()).toBeLessThan(2);
    await eventually('there is a new cell with all threads', () =>
      zoo.pool.stats().cells.some((cell) => cell.state === 'up' && cell.leaked === 0),
    );
    const backMs = performance.now() - atMs;
    process.stderr.write(`measured: all threads back ${Math.round(backMs)} ms after the cancel of a native call\n`);
    expect(
      zoo.pool
        .stats()
        .cells.map(({ state }) => state)
        .sort(),
    ).toEqual(['draining', 'up']);
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
    writeFileSync(over, '');
    expect((await neighbour.ended).outcome.kind).toBe('succeeded');
    expect((await native.ended).outcome).toEqual({ kind: 'stopped' });
    await eventually('the old cell is gone', () => zoo.pool.stats().cells.length === 1);
    expect(zoo.pool.stats().leaked).toBe(0);
  });

  it('waits for its neighbours only so long; then they are lost uncounted', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, stuckDrainMaxMs: 500 });
    const neighbour = zoo.run('sleeps', { ms: 60_000 });
    await neighbour.started;
    const native = zoo.run('native', {}, { executionTimeoutMs: 300 });
    expect((await native.ended).outcome).toMatchObject({ failure: { reason: 'ATTEMPT_TIMED_OUT' } });
    expect((await neighbour.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
  });

  it('alone in its cell, costs it at once', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
    const native = zoo.run('native');
    await native.started;
    const atMs = performance.now();
    zoo.pool.cancel(native.runId);
    expect((await native.ended).outcome).toEqual({ kind: 'stopped' });
    const tookMs = performance.now() - atMs;
    process.stderr.write(`measured: cancel of a native call alone in its cell ${Math.round(tookMs)} ms\n`);
    await eventually('the cell is up again', () => zoo.pool.capacity() >= 2);
    expect(zoo.pool.stats().cells[0]?.restarts).toBe(1);
  });
});

/** A folder of handlers: no cell that loads them comes up while the gate is closed. */
function gateOfCells(): { readonly dir: string; close(): void; open(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-gate-'));
  const closed = join(dir, 'closed');
  writeFileSync(
    join(dir, 'gate.job.ts'),
    `import { existsSync } from 'node:fs';
    import { defineHandler } from 'troupe/handlers';
    const lock = new Int32Array(new SharedArrayBuffer(4));
    while (existsSync(${JSON.stringify(closed)})) Atomics.wait(lock, 0, 0, 10);
    export default defineHandler({ name: 'gate', run: () => null });`,
  );
  onTestFinished(() => {
    rmSync(dir, { recursive: true });
  });
  return { dir, close: () => writeFileSync(closed, ''), open: () => rmSync(closed) };
}

describe('a cell that dies while its successor starts', () => {
  it('leaves room again as soon as the successor is there, and whoever waits for room hears of it', async () => {
    const gate = gateOfCells();
    zoo = await startPool({ handlerDirs: [zooDir, gate.dir], memoryMb: 96 });
    const neighbour = zoo.run('sleeps', { ms: 60_000 });
    const native = zoo.run('native');
    await Promise.all([neighbour.started, native.started]);
    gate.close();
    zoo.pool.cancel(native.runId);
    await eventually('the cell is replaced', () => zoo.log.some(({ message }) => message === 'cell is replaced'));
    // Nothing is left in the old cell but what cannot be ended, so it is killed; the successor is not up yet.
    zoo.pool.cancel(neighbour.runId);
    expect((await neighbour.ended).outcome).toEqual({ kind: 'stopped' });
    expect((await native.ended).outcome).toEqual({ kind: 'stopped' });
    expect(zoo.pool.capacity()).toBe(0);
    const told = zoo.rooms.length;
    gate.open();
    await eventually('the room is told', () => zoo.rooms.slice(told).some((capacity) => capacity >= 2));
  });
});

describe('a cell', () => {
  it('is replaced after so many runs, under load, and no run is lost', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRunsMax: 100 });
    const first = zoo.pool.stats().cells[0]?.pid;
    const long = zoo.run('sleeps', { ms: 3_000 });
    await long.started;
    let runs = 0;
    const replaced = (): boolean => zoo.pool.stats().cells.some(({ pid, state }) => state === 'up' && pid !== first);
    while (!replaced()) {
      const some = Array.from({ length: 10 }, () => zoo.run('noop'));
      for (const run of some) expect((await run.ended).outcome.kind).toBe('succeeded');
      runs += some.length;
    }
    expect(runs).toBeGreaterThanOrEqual(100);
    expect((await long.ended).outcome.kind).toBe('succeeded');
    await eventually('the old cell is gone', () => zoo.pool.stats().cells.every(({ pid }) => pid !== first));
    expect(zoo.log.some(({ message }) => message === 'cell died')).toBe(false);
  });

  it('that stays above its memory, although nothing in it can be ended for that, is replaced', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cellRssMaxMb: 40 });
    const first = zoo.pool.stats().cells[0]?.pid;
    await eventually('a new cell took over', () =>
      zoo.pool.stats().cells.some(({ pid, state }) => pid !== first && state === 'up'),
    );
    expect(zoo.log.find(({ message }) => message === 'cell is replaced')?.fields).toMatchObject({ why: 'memory' });
  });
});
