/** Resident memory of a process and all its descendants, as `ps` sees it. Programs named in `except` are left out. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly rssMb: number;
  readonly command: string;
}

export interface MemoryReading {
  readonly totalMb: number;
  readonly processes: readonly { readonly pid: number; readonly rssMb: number; readonly command: string }[];
}

async function processTable(): Promise<readonly ProcessRow[]> {
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid=,rss=,comm='], { maxBuffer: 16 << 20 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, rssKb, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.+)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), rssMb: Number(rssKb) / 1_024, command }];
  });
}

export async function memoryOf(rootPid: number, except: RegExp): Promise<MemoryReading> {
  const rows = await processTable();
  const ours = new Set([rootPid]);
  // Parents come before their children only by chance: go round until nothing is added.
  for (let before = 0; before < ours.size;) {
    before = ours.size;
    for (const row of rows) if (ours.has(row.parent)) ours.add(row.pid);
  }
  const processes = rows.filter((row) => ours.has(row.pid) && !except.test(row.command));
  return {
    totalMb: processes.reduce((sum, row) => sum + row.rssMb, 0),
    processes: processes.map(({ pid, rssMb, command }) => ({ pid, rssMb, command })),
  };
}
