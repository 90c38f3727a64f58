/** The processes of this machine by their command lines, as `ps` tells them on Linux and macOS alike. */
import { spawnSync } from 'node:child_process';

export interface RunningProcess {
  readonly pid: number;
  readonly args: string;
}

const tableMaxBytes = 64 << 20;

/** Lines of `ps -o pid=,args=`. A process that has ended and was not waited for (a zombie) has no arguments: it is none. */
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
  // With `-p` its exit code is 1 when there is no such process.
  if (run.error !== undefined)
    throw new Error(`ps does not run: ${run.error.message} (Debian: apt-get install procps)`);
  return parseProcessTable(run.stdout);
}

/** Whether this very process lives: its id may belong to another by now, its command line does not. */
export function isAlive(pid: number, mark: string): boolean {
  return processTable('-p', String(pid)).some(({ args }) => args.includes(mark));
}

/** All whose command line holds one of the texts, but not this process. */
export function findMarked(marks: readonly string[]): readonly RunningProcess[] {
  return processTable('-A').filter(({ pid, args }) => pid !== process.pid && marks.some((mark) => args.includes(mark)));
}
