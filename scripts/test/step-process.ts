/**
 * One step of `npm test` as a process group. It collects the output and the CPU time of its process tree, and stops the
 * whole group on a signal. The output is bounded: if it is longer, its end is kept.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export interface StepCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** In addition to that of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run at low priority, on the cores that other steps leave. */
  readonly isPatient?: boolean;
}

interface StepEnd {
  readonly status: number;
  readonly output: string;
  /** User and system time of all processes that were waited for. A process that outlives its parent is not included. */
  readonly cpuMs: number;
}

export interface StepProcess {
  readonly ended: Promise<StepEnd>;
  /** Sends a signal to the whole group. What has not ended after `stopGraceMs` is killed. */
  stop(signal: NodeJS.Signals): void;
}

const outputMax = 8 << 20;
const stopGraceMs = 10_000;
/** A process that was left behind holds the pipes open. Do not wait longer than this for its output. */
const drainMs = 1_000;
/**
 * The script traps signals and does not ignore them (`trap ''`), because the command would inherit that. So the shell
 * stays until the command has ended. Where Linux schedules by session, a priority applies within its session only, so
 * the session gets one, too.
 */
function scriptOf(isPatient: boolean): string {
  const yielding = '{ echo 10 >/proc/$$/autogroup; } 2>/dev/null; nice -n 10 ';
  return `trap : INT TERM HUP; ${isPatient ? yielding : ''}"$@" 3>&-; code=$?; times >&3; exit $code`;
}

export function startStep({ command, args, cwd, env, isPatient = false }: StepCommand): StepProcess {
  const child = spawn('/bin/sh', ['-c', scriptOf(isPatient), 'step', command, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let isStopped = false;
  return {
    ended: endOf(child, () => isStopped),
    stop(signal) {
      isStopped = true;
      signalGroup(child, signal);
      setTimeout(() => signalGroup(child, 'SIGKILL'), stopGraceMs).unref();
    },
  };
}

async function endOf(child: ChildProcess, isStopped: () => boolean): Promise<StepEnd> {
  let output = '';
  let times = '';
  const keep = (piece: string): void => {
    output += piece;
    if (output.length > outputMax) output = `(its beginning is cut)\n${output.slice(-outputMax / 2)}`;
  };
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', keep);
  child.stdio[3]?.on('data', (piece) => (times += String(piece)));
  const closed = once(child, 'close').catch(() => undefined);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (isStopped()) signalGroup(child, 'SIGKILL');
    await Promise.race([closed, sleep(drainMs, undefined, { ref: false })]);
    return { status: code ?? 1, output, cpuMs: cpuOf(times) };
  } catch (error) {
    return { status: 1, output: `${String(error)}\n`, cpuMs: 0 };
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has no processes left.
  }
}

/** `times` prints two lines, for the shell and for its children, each as `0m1.23s 0m0.45s`: user, system. */
function cpuOf(times: string): number {
  const parts = [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.,]+)s/g)];
  const seconds = parts.map(([, minutes, rest = '']) => Number(minutes) * 60 + Number(rest.replace(',', '.')));
  return Math.round(seconds.reduce((sum, part) => sum + part, 0) * 1_000);
}
