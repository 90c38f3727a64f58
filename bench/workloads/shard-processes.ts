/**
 * W9: what it costs to divide the same load among more shard processes. At one offered load the shards are in 1, 2 and
 * 4 processes, on a store that binds nothing. CPU per job and the size of commit groups should stay what they are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf } from '../harness/process-tree.ts';
import { median } from '../harness/statistics.ts';
import { runTask } from '../harness/task.ts';
import type { Teardown } from '../harness/teardown.ts';
import { type ModelCluster, startModelCluster } from './model-cluster.ts';
import type { SteadyLoadInput } from './steady-load.ts';

export const processCounts = [1, 2, 4] as const;
/** A machine of two cores bears it with all processes on it. */
export const steadyPerSecond = 400;
export const modelCommitMs = 10;
export const modelShards = 8;
const rounds = 3;
/** Each process has to warm its own code, with as many jobs whatever the number of processes. */
const warmPerSecond = 800;
const warmSecondsEach = 8;
const restMs = 5_000;
const idleMs = 10_000;
const measuredSeconds = 20;
const taskTimeoutMs = 300_000;

/** CPU in µs per job, and records per group. */
export interface ShardProcessesCost {
  readonly shards: number;
  /** What the shard processes use without any job, as if it were spread over the jobs. */
  readonly shardsIdle: number;
  readonly edge: number;
  readonly nats: number;
  readonly groupRecords: number;
}

export interface ShardProcessesResult {
  readonly processes: number;
  readonly median: ShardProcessesCost;
  readonly runs: readonly ShardProcessesCost[];
}

interface Reading {
  readonly shards: number;
  readonly edge: number;
  readonly nats: number;
  readonly groups: number;
  readonly records: number;
}

export async function measureShardProcesses(
  quick: boolean,
  teardown: Teardown,
  say: (line: string) => void,
): Promise<readonly ShardProcessesResult[]> {
  const runs = new Map<number, ShardProcessesCost[]>(processCounts.map((processes) => [processes, []]));
  // In turns, so that other load on the machine meets all of them alike.
  for (let round = 0; round < (quick ? 1 : rounds); round += 1) {
    for (const processes of processCounts) {
      const cost = await measure(processes, quick, teardown);
      runs.get(processes)?.push(cost);
      say(`  W9 ${processes} processes: ${Math.round(cost.shards)} µs a job, ${cost.groupRecords.toFixed(2)} a group`);
    }
  }
  return [...runs].map(([processes, costs]) => ({ processes, median: medianOf(costs), runs: costs }));
}

async function measure(processes: number, quick: boolean, teardown: Teardown): Promise<ShardProcessesCost> {
  const options = { shardProcesses: processes, shardCount: modelShards, commitMs: modelCommitMs, teardown };
  const cluster = await startModelCluster(options);
  const { address, natsUrl } = cluster;
  const load = (perSecond: number, seconds: number): Promise<number> => {
    const input: SteadyLoadInput = { address, natsUrl, perSecond, seconds };
    return runTask<number>(new URL('./steady-load.ts', import.meta.url), input, { teardown, timeoutMs: taskTimeoutMs });
  };
  try {
    await load(warmPerSecond, quick ? 1 : warmSecondsEach * processes);
    await sleep(quick ? 500 : restMs);
    const rested = await read(cluster);
    await sleep(idleMs);
    const before = await read(cluster);
    const jobs = await load(steadyPerSecond, quick ? 3 : measuredSeconds);
    const after = await read(cluster);
    const perJob = (part: 'shards' | 'edge' | 'nats'): number => ((after[part] - before[part]) * 1e6) / jobs;
    return {
      shards: perJob('shards'),
      shardsIdle: ((before.shards - rested.shards) * 1e6) / ((idleMs / 1_000) * steadyPerSecond),
      edge: perJob('edge'),
      nats: perJob('nats'),
      groupRecords: (after.records - before.records) / Math.max(1, after.groups - before.groups),
    };
  } finally {
    await cluster.stop();
  }
}

async function read({ shards, edge, natsPid }: ModelCluster): Promise<Reading> {
  const pages = await Promise.all(
    shards.map(async ({ httpPort }) => (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()),
  );
  const sumOf = (name: string): number =>
    pages.reduce((sum, page) => sum + Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? 0), 0);
  const cpuOfShards = await Promise.all(shards.map(({ pid }) => cpuSecondsOf(pid)));
  return {
    shards: cpuOfShards.reduce((sum, seconds) => sum + seconds, 0),
    edge: await cpuSecondsOf(edge.pid),
    nats: await cpuSecondsOf(natsPid),
    groups: sumOf('troupe_commit_group_records_count'),
    records: sumOf('troupe_commit_group_records_sum'),
  };
}

function medianOf(costs: readonly ShardProcessesCost[]): ShardProcessesCost {
  const of = (part: keyof ShardProcessesCost): number => median(costs.map((cost) => cost[part]));
  return {
    shards: of('shards'),
    shardsIdle: of('shardsIdle'),
    edge: of('edge'),
    nats: of('nats'),
    groupRecords: of('groupRecords'),
  };
}
