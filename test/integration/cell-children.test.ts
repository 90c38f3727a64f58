/** What a run has started ends with it: with its thread where the thread ends, with its cell in any case. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness, type StartedRun } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;
let folder: string;
/** What a run has started is looked at while it is there: the run dies once this file exists. */
let onceThere: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-children-'));
  onceThere = join(folder, 'die');
});
afterEach(async () => {
  await zoo.stop();
  rmSync(folder, { recursive: true });
});

const die = (): void => writeFileSync(onceThere, '');

/** `PF_EXITING` of the kernel, and SIGKILL among the pending signals. */
const exiting = 0x4;
const killPending = 1n << 8n;

/**
 * Whether the code of a process can still run. A killed process may need a moment of the CPU until it has ended, and an
 * ended one keeps its number until somebody asks for its exit code.
 */
function runs(pid: number): boolean {
  try {
    const pending = readFileSync(`/proc/${pid}/status`, 'latin1').matchAll(/^(?:SigPnd|ShdPnd):\t([0-9a-f]+)$/gm);
    if ([...pending].some(([, mask]) => (BigInt(`0x${mask ?? '0'}`) & killPending) !== 0n)) return false;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return !['Z', 'X'].includes(state) && (Number(flags) & exiting) === 0;
  } catch {
    return false;
  }
}

async function pidsOf(run: StartedRun, count: number): Promise<readonly number[]> {
  await eventually('the run has said what it started', () => run.lines.length >= count);
  const pids = run.lines.slice(0, count).map(({ text }) => Number(text));
  for (const pid of pids) expect(runs(pid)).toBe(true);
  return pids;
}

describe.runIf(process.platform === 'linux')('what a run has started', () => {
  it.each([
    { how: 'plain', processes: 1 },
    { how: 'tree', processes: 2 },
    { how: 'own session', processes: 1 },
  ])('is gone when the run is CANCELLED: $how', async ({ how, processes }) => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 2 });
    const neighbour = zoo.run('spawns', { how: 'plain' });
    const [other = 0] = await pidsOf(neighbour, 1);
    const run = zoo.run('spawns', { how });
    const pids = await pidsOf(run, processes);
    zoo.pool.cancel(run.runId);
    expect((await run.ended).outcome).toEqual({ kind: 'stopped' });
    for (const pid of pids) expect(runs(pid)).toBe(false);
    expect(runs(other)).toBe(true);
  });

  it.each([
    { how: 'plain', processes: 1 },
    { how: 'tree', processes: 2 },
    { how: 'own session', processes: 1 },
  ])('is gone when the parent ends the cell: $how', async ({ how, processes }) => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const run = zoo.run('spawns', { how });
    const pids = await pidsOf(run, processes);
    await zoo.stop();
    await eventually('nothing is left', () => !pids.some(runs));
  });

  it.each([
    { then: 'exits', reason: 'THREAD_CRASHED' },
    { then: 'throws', reason: 'THREAD_CRASHED' },
    { then: 'fills', reason: 'OUT_OF_MEMORY' },
    { then: 'loops', reason: 'ATTEMPT_TIMED_OUT' },
  ])('is gone when its thread dies, and nothing else with it: $then', async ({ then, reason }) => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 2, memoryMb: 96 });
    const neighbour = zoo.run('spawns', { how: 'plain' });
    const [other = 0] = await pidsOf(neighbour, 1);
    // Its time is long enough for a slow machine to have looked at what it started.
    const more = then === 'loops' ? { executionTimeoutMs: 5_000 } : {};
    const run = zoo.run('spawns', { how: 'tree', then, onceThere }, more);
    const pids = await pidsOf(run, 2);
    die();
    expect((await run.ended).outcome).toMatchObject({ kind: 'failed', failure: { reason } });
    for (const pid of pids) expect(runs(pid)).toBe(false);
    expect(runs(other)).toBe(true);
  });

  it('frees a thread that waits for it in native code, so that the run can end', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 2 });
    const neighbour = zoo.run('sleeps', { ms: 60_000 });
    await neighbour.started;
    const run = zoo.run('spawns', { how: 'blocking' });
    await run.started;
    const cell = zoo.pool.stats().cells[0]?.pid;
    zoo.pool.cancel(run.runId);
    expect((await run.ended).outcome).toEqual({ kind: 'stopped' });
    expect(zoo.pool.stats().leaked).toBe(0);
    expect(zoo.pool.stats().cells[0]?.pid).toBe(cell);
  });

  it('is gone when the cell dies of itself', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const run = zoo.run('spawns', { how: 'tree', then: 'kills', onceThere });
    const pids = await pidsOf(run, 2);
    die();
    expect((await run.ended).outcome).toEqual({ kind: 'lost', blame: 'convicted' });
    await eventually('nothing is left', () => !pids.some(runs));
  });

  it('is gone when the node dies', async () => {
    zoo = await startPool({ handlerDirs: [zooDir], threads: 1 });
    const parent = spawn(
      process.execPath,
      [new URL('../support/rogue-handlers/parent.ts', import.meta.url).pathname, 'spawns', '{"how":"own session"}'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = line.toString().trim().split(' ').map(Number);
    expect(pids.map(runs)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await eventually('nothing is left', () => !pids.some(runs));
  });
});
