/** Measures memory and CPU of a process and its descendants, from `ps` and `/proc`. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
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

async function treeOf(rootPid: number): Promise<readonly ProcessRow[]> {
  const rows = await processTable();
  const pids = new Set([rootPid]);
  // The rows are in no particular order, so repeat until no process is added.
  for (let before = 0; before < pids.size;) {
    before = pids.size;
    for (const row of rows) if (pids.has(row.parent)) pids.add(row.pid);
  }
  return rows.filter((row) => pids.has(row.pid));
}

/** Ends a process and all its descendants at once, as a power cut would. */
export async function killTree(rootPid: number): Promise<void> {
  for (const { pid } of await treeOf(rootPid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** Servers that are not ours, and the shell that starts them. */
const serverPrograms = /nats-server|java|^(.*\/)?sh$/;

/** Resident memory of our processes. */
export async function memoryOf(rootPid: number): Promise<MemoryReading> {
  const processes = (await treeOf(rootPid)).filter((row) => !serverPrograms.test(row.command));
  return {
    totalMb: processes.reduce((sum, row) => sum + row.rssMb, 0),
    processes: processes.map(({ pid, rssMb, command }) => ({ pid, rssMb, command })),
  };
}

/**
 * Memory of a process and all its descendants, servers included, in MiB. Pages that several of them share count once in
 * all (PSS). Falls back to resident memory on systems without it.
 */
export async function pssOf(rootPid: number): Promise<number> {
  let totalMb = 0;
  for (const { pid, rssMb } of await treeOf(rootPid)) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kb = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
    totalMb += kb === undefined ? rssMb : Number(kb) / 1_024;
  }
  return totalMb;
}

/** CPU seconds used so far, by part of the system. */
export interface CpuReading {
  /** The process that was started: gateway, shards, queues. */
  readonly node: number;
  /** Its children: cells with their threads. */
  readonly cells: number;
  readonly nats: number;
  readonly cassandra: number;
}

const noCpu: CpuReading = { node: 0, cells: 0, nats: 0, cassandra: 0 };
/** Fixed by the kernel's interface, whatever the hardware does. */
const ticksPerSecond = 100;

/** CPU time of the process tree. Zeros on systems without `/proc`. */
export async function cpuOf(rootPid: number): Promise<CpuReading> {
  const reading = { ...noCpu };
  for (const { pid, command } of await treeOf(rootPid)) {
    const seconds = await cpuSecondsOf(pid);
    if (pid === rootPid) reading.node += seconds;
    else if (command.includes('nats-server')) reading.nats += seconds;
    else if (command.includes('java')) reading.cassandra += seconds;
    else if (!serverPrograms.test(command)) reading.cells += seconds;
  }
  return reading;
}

/** CPU time that a process has used so far. 0 on systems without `/proc`. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may contain any character. User and system time are fields 14 and 15, counted from the
  // start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}
