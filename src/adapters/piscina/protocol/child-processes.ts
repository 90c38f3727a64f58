/**
 * The processes that handlers start. Linux reports which thread started a process
 * (`/proc/<process>/task/<thread>/children`). When a thread ends, its children pass to the first thread of its process.
 * In a cell that is the main thread, which starts none itself. So we know what a thread started while it lives, and
 * what is left of it afterwards. Other systems report nothing. There, what a run started ends with its cell, because it
 * is in the cell's process group.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How many passes we make. Processes may start others while we are ending them. */
const passesMax = 3;

/** The id that the system gives the calling thread. */
export function ownThread(): number | undefined {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return undefined;
  }
}

/** Ends the processes that this thread of this process has started, and their descendants. */
export function endChildrenOf(thread: number | undefined): void {
  if (thread === undefined) return;
  for (let pass = 0; pass < passesMax; pass += 1) {
    const alive = childrenOf(process.pid, thread).filter(isAlive);
    if (alive.length === 0) return;
    for (const pid of alive.flatMap((child) => [child, ...descendantsOf(child)])) endProcess(pid);
  }
}

/**
 * Ends the processes that ended threads have left behind. Returns how many of them have ended but still hold their
 * process id. They hold it until this process ends, because the thread that would have collected their exit codes is
 * gone.
 */
export function endOrphans(): number {
  endChildrenOf(process.pid);
  return childrenOf(process.pid, process.pid).length;
}

/**
 * Ends all known descendants of this process, even those that have left its group, and then the group. The group may be
 * the caller's own.
 */
export function endProcessTree(leader: number): void {
  for (const pid of descendantsOf(leader)) endProcess(pid);
  endProcess(-leader);
}

function descendantsOf(pid: number): number[] {
  return namesIn(`/proc/${pid}/task`)
    .flatMap((thread) => childrenOf(pid, Number(thread)))
    .flatMap((child) => [child, ...descendantsOf(child)]);
}

function childrenOf(pid: number, thread: number): number[] {
  const text = textOf(`/proc/${pid}/task/${thread}/children`).trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Neither a zombie nor gone. */
function isAlive(pid: number): boolean {
  const stat = textOf(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return stat !== '' && state !== 'Z' && state !== 'X';
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process is gone, or it belongs to another user. In that case, whoever started it must end it.
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
