/**
 * The processes that handlers start. Linux tells which thread started one (`/proc/<process>/task/<thread>/children`), and
 * gives the children of a thread that ends to the first thread of its process, which is the cell's own and starts none
 * itself. So what a thread started is known while it lives, and what is left of it after. Elsewhere nothing is known, and
 * what a run started ends with its cell, whose process group it is in.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Passes over what a process starts while its like are being ended. */
const passesMax = 3;

/** Of the calling thread, as the system numbers it. */
export function ownThread(): number | undefined {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return undefined;
  }
}

/** Ends what this thread of this process has started, with all that came of it. */
export function endChildrenOf(thread: number | undefined): void {
  if (thread === undefined) return;
  for (let pass = 0; pass < passesMax; pass += 1) {
    const alive = childrenOf(process.pid, thread).filter(isAlive);
    if (alive.length === 0) return;
    for (const pid of alive.flatMap((child) => [child, ...descendantsOf(child)])) endProcess(pid);
  }
}

/**
 * Ends what ended threads have left behind. Answers how many of these are ended and still hold their number: they do until
 * this process ends, since the thread that would have asked for their exit codes is gone.
 */
export function endOrphans(): number {
  endChildrenOf(process.pid);
  return childrenOf(process.pid, process.pid).length;
}

/** What is known to descend from this process, its group left or not, and then the group; it may be the caller's own. */
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

/** Neither ended nor gone. */
function isAlive(pid: number): boolean {
  const stat = textOf(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return stat !== '' && state !== 'Z' && state !== 'X';
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone, or a program of another user's, which is for its starter to end.
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
