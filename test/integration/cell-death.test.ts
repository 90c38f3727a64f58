/** The rogue zoo, second half: what kills the whole cell. Suspects, convictions, restarts; no cell outlives its parent. */
import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

afterEach(async () => {
  await zoo.stop();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a run that kills its cell', () => {
  it('is only a suspect when it was not alone; alone it is convicted; neighbours finish in the end', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
    const neighbour = zoo.run('sleeps', { ms: 10_000 });
    await neighbour.started;
    const killer = zoo.run('kills');
    const waiting = zoo.run('noop');
    for (const run of [neighbour, killer]) {
      expect((await run.ended).outcome).toEqual({ kind: 'lost', blame: 'suspect' });
    }
    expect(['lost', 'succeeded']).toContain((await waiting.ended).outcome.kind);

    await eventually('the cell is up again', () => zoo.pool.capacity() >= 2);
    const guilty = zoo.run('kills', {}, { suspect: true });
    const innocent = zoo.run('sleeps', { ms: 50 }, { suspect: true });
    const bystander = zoo.run('sleeps', { ms: 300 });
    expect((await guilty.ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
    expect((await innocent.ended).outcome.kind).toBe('succeeded');
    expect((await bystander.ended).outcome.kind).toBe('succeeded');
    for (const run of [neighbour, killer, waiting, guilty, innocent, bystander]) expect(run.ends).toBe(1);
  });

  it('by one huge array, which V8 answers with an abort', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
    const { outcome } = await zoo.run('explodes', {}, { suspect: true }).ended;
    expect(outcome).toEqual({ kind: 'lost', blame: 'convicted' });
    expect(zoo.log.find(({ message }) => message === 'cell died')?.fields).toMatchObject({ signal: 'SIGABRT' });
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
  });

  it('does not touch the runs of another cell', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 2, cells: 2 });
    expect(zoo.pool.stats().cells).toHaveLength(2);
    const elsewhere = zoo.run('sleeps', { ms: 60_000 });
    await elsewhere.started;
    expect((await zoo.run('kills').ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
    expect(zoo.pool.capacity()).toBe(0);
    // It has lived on until we stop it.
    zoo.pool.cancel(elsewhere.runId);
    expect((await elsewhere.ended).outcome).toEqual({ kind: 'stopped' });
  });

  it('leaves what is handed over during the restart waiting, not lost', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    expect((await zoo.run('kills').ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
    expect(zoo.pool.capacity()).toBe(0);
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
  });
});

describe('the pool', () => {
  it('restarts a cell with growing pauses, never while stopping', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const pausesMs: number[] = [];
    for (let death = 0; death < 3; death += 1) {
      const atMs = performance.now();
      await zoo.run('kills').ended;
      await eventually('the cell is being started', () => zoo.pool.stats().cells[0]?.state === 'starting');
      pausesMs.push(performance.now() - atMs);
      await eventually('the cell is up', () => zoo.pool.capacity() > 0);
    }
    expect(pausesMs[0]).toBeGreaterThanOrEqual(190);
    expect(pausesMs[1]).toBeGreaterThanOrEqual(390);
    expect(pausesMs[2]).toBeGreaterThanOrEqual(790);
    await zoo.run('kills').ended;
    await zoo.stop();
    expect(zoo.pool.stats().cells).toEqual([]);
  });

  it('stops: waits for what ends within the grace, loses the rest, and no process is left', async () => {
    zoo = await startPool({ handlerDirs: [zooDir] });
    const pid = zoo.pool.stats().cells[0]?.pid ?? 0;
    const short = zoo.run('sleeps', { ms: 200 });
    const long = zoo.run('endless');
    await Promise.all([short.started, long.started]);
    // The grace is long enough for a cell that gets no CPU for a while.
    const stopping = zoo.pool.stop(5_000);
    expect(() => zoo.run('noop')).toThrow(/shutting down/);
    expect((await short.ended).outcome.kind).toBe('succeeded');
    expect((await long.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
    await stopping;
    expect(isAlive(pid)).toBe(false);
  });

  it('refuses more than its bound', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const runs = Array.from({ length: 257 }, () => zoo.run('sleeps', { ms: 60_000 }));
    expect(() => zoo.run('noop')).toThrow(/too many requests/);
    await zoo.stop();
    for (const run of runs) expect((await run.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
  });

  it('ends a cell that gives no sign of life', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1, silenceMaxMs: 3_000 });
    const pid = zoo.pool.stats().cells[0]?.pid ?? 0;
    const run = zoo.run('sleeps', { ms: 60_000 });
    await run.started;
    process.kill(pid, 'SIGSTOP');
    expect((await run.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
    expect(isAlive(pid)).toBe(false);
  });
});

describe('a cell whose parent dies', () => {
  it('is gone at once, endless loop or not', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const parent = spawn(process.execPath, [new URL('../support/rogue-handlers/parent.ts', import.meta.url).pathname], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const cellPid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())));
    });
    expect(isAlive(cellPid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually('the orphan is gone', () => !isAlive(cellPid));
  });
});
