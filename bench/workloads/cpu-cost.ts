/** CPU time per job, by part of the system. This figure hardly depends on other load. */
import { cpuOf, type CpuReading } from '../harness/process-tree.ts';

/** CPU time in µs per job. */
export interface CpuCost extends CpuReading {
  /** The load generator, including our client. */
  readonly load: number;
}

export async function withCpuCost<T>(
  systemPid: number,
  jobs: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly tookMs: number; readonly cpu: CpuCost }> {
  const before = await cpuOf(systemPid);
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  const result = await work();
  const tookMs = performance.now() - startedMs;
  const own = process.cpuUsage(ownBefore);
  const after = await cpuOf(systemPid);
  const perJob = (part: keyof CpuReading): number => Math.round(((after[part] - before[part]) * 1e6) / jobs);
  return {
    result,
    tookMs,
    cpu: {
      node: perJob('node'),
      cells: perJob('cells'),
      nats: perJob('nats'),
      cassandra: perJob('cassandra'),
      load: Math.round((own.user + own.system) / jobs),
    },
  };
}
