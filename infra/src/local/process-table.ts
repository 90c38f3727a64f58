/** The processes of this machine with their command lines, as `ps` prints them on Linux and macOS. */
import { spawnSync } from 'node:child_process';

export interface RunningProcess {
  readonly pid: number;
  readonly args: string;
}

const tableMaxBytes = 64 << 20;

/** Parses the output of `ps -o pid=,args=`. Zombies (ended processes that were not waited for) are left out. */
export function parseProcessTable(text: string): readonly RunningProcess[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || args.endsWith('<defunct>') ? [] : [{ pid: Number(pid), args }];
  });
}

function processTable(...selection: readonly string[]): readonly RunningProcess[] {
  const run = spawnSync('ps', ['-ww', '-o', 'pid=,args=', ...selection], {
    encoding: 'utf8',
    maxBuffer: tableMaxBytes,
  });
  // With `-p`, `ps` exits with 1 if the process does not exist, so the exit code is not checked.
  if (run.error !== undefined)
    throw new Error(`ps does not run: ${run.error.message} (Debian: apt-get install procps)`);
  return parseProcessTable(run.stdout);
}

/**
 * True if this process is alive. The pid may belong to another process by now, but the mark on the command line does
 * not.
 */
export function isAlive(pid: number, mark: string): boolean {
  return processTable('-p', String(pid)).some(({ args }) => args.includes(mark));
}

/** All processes whose command line contains one of the marks, except this process. */
export function findMarked(marks: readonly string[]): readonly RunningProcess[] {
  return processTable('-A').filter(({ pid, args }) => pid !== process.pid && marks.some((mark) => args.includes(mark)));
}
