/** How far the memory of a process grows during some work, as the kernel counts it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Only Linux tells the peak of a process. */
export const peaksAreTold = existsSync('/proc/self/clear_refs');

function statusMib(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024;
}

/** By how many MiB each process was at most larger than before. */
export async function growthMib(pids: readonly number[], work: () => Promise<unknown>): Promise<readonly number[]> {
  const beforeMib = pids.map((pid) => {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return statusMib(pid, 'VmRSS');
  });
  await work();
  return pids.map((pid, at) => Math.round(statusMib(pid, 'VmHWM') - (beforeMib[at] ?? 0)));
}
