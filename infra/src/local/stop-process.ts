/**
 * Stops a process: SIGTERM, time to drain, then SIGKILL. Each step is logged. Processes that a crash left behind are
 * stopped, too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readRecord, removeRecord } from './process-record.ts';
import type { ProcessSpec } from './process-spec.ts';
import { findMarked, isAlive } from './process-table.ts';

export type Say = (line: string) => void;

const pollMs = 150;
/** How long the kernel may take after SIGKILL. */
const killWaitMs = 10_000;

export async function stopProcess(spec: ProcessSpec, say: Say): Promise<void> {
  const { name, dataDir, mark } = spec;
  const pid = readRecord(dataDir, name)?.pid;
  const known = pid !== undefined && isAlive(pid, mark) ? [pid] : [];
  // A process whose starter died before it wrote the pid file. There is usually none.
  const unknown = findMarked([mark]).map((found) => found.pid);
  const pids = [...new Set([...known, ...unknown])];
  if (pids.length === 0 && spec.readiness.kind !== 'exit') say(`${name}: does not run`);
  for (const each of pids) await end({ name, pid: each, mark, stopSeconds: spec.stopSeconds }, say);
  removeRecord(dataDir, name);
}

export interface Target {
  readonly name: string;
  readonly pid: number;
  readonly mark: string;
  readonly stopSeconds: number;
}

export async function end({ name, pid, mark, stopSeconds }: Target, say: Say): Promise<void> {
  const beganMs = performance.now();
  const tookText = (): string => `${((performance.now() - beganMs) / 1_000).toFixed(1)} s`;
  signal(pid, 'SIGTERM');
  if (await isGone(pid, mark, stopSeconds * 1_000)) {
    say(`${name}: stopped (process ${pid}, ${tookText()})`);
    return;
  }
  say(`${name}: process ${pid} did not end within ${stopSeconds} s of SIGTERM; it is killed, what it did runs again`);
  signal(pid, 'SIGKILL');
  if (!(await isGone(pid, mark, killWaitMs))) throw new Error(`${name}: process ${pid} cannot be killed`);
}

async function isGone(pid: number, mark: string, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    if (!isAlive(pid, mark)) return true;
    if (performance.now() > endMs) return false;
    await delay(pollMs);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // The process has already ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
