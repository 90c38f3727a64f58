/** Runs the workloads against one system, each in its own process, as often as their duration permits. */
import type { WorkloadName } from '../options.ts';
import { median, type Sample, sampleOf } from '../harness/statistics.ts';
import { memoryOf, type MemoryReading } from '../harness/process-tree.ts';
import type { SystemUnderTest } from '../harness/system.ts';
import { runTask } from '../harness/task.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { BurnInput, BurnResult } from '../limits/piscina-burn.ts';
import type { BacklogInput, BacklogResult, KeyKind } from './backlog.ts';
import type { CpuCost } from './cpu-cost.ts';
import type { CpuJobsInput } from './cpu-jobs.ts';
import type { OpenLoopInput, OpenLoopResult } from './open-loop.ts';
import { openLoopPerSecond, sizesOf } from './workload-sizes.ts';

export interface WorkloadsInput {
  readonly system: SystemUnderTest;
  readonly only: ReadonlySet<WorkloadName>;
  readonly quick: boolean;
  readonly threads: number;
  readonly folder: string;
  readonly teardown: Teardown;
}

interface CpuResult {
  readonly troupeMs: Sample;
  readonly bareMs: Sample;
  /** 1 means as fast as bare Piscina. */
  readonly ratio: number;
  /** Rounds of one job. */
  readonly rounds: number;
}

/** Jobs submitted per second, by kind of key. */
type KeysResult = Readonly<Record<KeyKind, Sample>>;

/** Results by workload. Absent if the workload was not selected. */
export interface WorkloadResults {
  /** Jobs per second. */
  readonly W1?: Sample;
  readonly W2?: Sample;
  readonly W3?: Sample;
  readonly W4?: OpenLoopResult;
  readonly W5?: CpuResult;
  readonly W7?: KeysResult;
  readonly memoryAfterW3?: MemoryReading;
  /** CPU time per job in µs. */
  readonly cpu?: Readonly<Partial<Record<'W1' | 'W2' | 'W3', CpuCost>>>;
}

const timeoutMs = 600_000;
const cpuJobMs = 20;

export async function runWorkloads(input: WorkloadsInput, say: (line: string) => void): Promise<WorkloadResults> {
  const { only } = input;
  const backlog = only.has('W1') || only.has('W2') || only.has('W3') || only.has('W6');
  const { memory, ...throughput } = backlog ? await backlogs(input, say) : { memory: undefined };
  return {
    ...throughput,
    ...(only.has('W4') && { W4: await openLoop(input, say) }),
    ...(only.has('W5') && { W5: await cpuJobs(input, say) }),
    ...(only.has('W7') && { W7: await keyed(input, say) }),
    ...(memory && only.has('W6') && { memoryAfterW3: memory }),
  };
}

function run<O>(input: WorkloadsInput, file: string, task: unknown): Promise<O> {
  return runTask<O>(new URL(file, import.meta.url), task, { teardown: input.teardown, timeoutMs });
}

interface Throughput extends Pick<WorkloadResults, 'W1' | 'W2' | 'W3' | 'cpu'> {
  readonly memory: MemoryReading;
}

/** W1 and W2 each create a backlog, and every backlog is drained. So W3 has as many runs as both together. */
async function backlogs(input: WorkloadsInput, say: (line: string) => void): Promise<Throughput> {
  const { system, only, quick, threads, folder } = input;
  const { jobs, rounds } = sizesOf(quick);
  const common = {
    address: system.address,
    natsUrl: system.natsUrl,
    access: system.access,
    systemPid: system.pid,
    threads,
    folder,
  };
  const measure = async (name: string, batch: number, callers: number, count = jobs): Promise<BacklogResult> => {
    const task: BacklogInput = { ...common, jobs: count, batch, callers, keys: 'none' };
    const result = await run<BacklogResult>(input, './backlog.ts', task);
    say(`  ${name} ${perSecond(result.submittedPerSecond)} submitted, ${perSecond(result.drainedPerSecond)} drained`);
    return result;
  };
  await measure('warm-up', 1, 64, jobs / 5);
  const singly: BacklogResult[] = [];
  const batches: BacklogResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (only.has('W1') || !only.has('W2')) singly.push(await measure('W1+W3', 1, 64));
    if (only.has('W2')) batches.push(await measure('W2+W3', 500, 4));
  }
  const submitted = (results: readonly BacklogResult[]): Sample =>
    sampleOf(results.map(({ submittedPerSecond }) => submittedPerSecond));
  const drained = [...singly, ...batches].map(({ drainedPerSecond }) => drainedPerSecond);
  return {
    ...(only.has('W1') && { W1: submitted(singly) }),
    ...(only.has('W2') && { W2: submitted(batches) }),
    ...(only.has('W3') && { W3: sampleOf(drained) }),
    cpu: {
      ...(only.has('W1') && { W1: medianCost(singly.map(({ submitCost }) => submitCost)) }),
      ...(only.has('W2') && { W2: medianCost(batches.map(({ submitCost }) => submitCost)) }),
      ...(only.has('W3') && { W3: medianCost([...singly, ...batches].map(({ drainCost }) => drainCost)) }),
    },
    memory: await memoryOf(system.pid),
  };
}

/** A round takes half a second per kind on the embedded store. Fewer rounds would vary too much. */
const keyRounds = 7;

/** Measures the kinds of keys in turn, so that other load affects all of them. */
async function keyed(input: WorkloadsInput, say: (line: string) => void): Promise<KeysResult> {
  const { system, quick, threads, folder } = input;
  const common = {
    address: system.address,
    natsUrl: system.natsUrl,
    access: system.access,
    systemPid: system.pid,
    threads,
    folder,
  };
  const rates: Record<KeyKind, number[]> = { none: [], idempotency: [], unique: [], window: [] };
  const kinds = Object.keys(rates) as KeyKind[];
  for (let round = 0; round <= (quick ? 1 : keyRounds); round += 1) {
    for (const keys of kinds) {
      const task: BacklogInput = { ...common, jobs: quick ? 1_000 : 5_000, batch: 1, callers: 64, keys };
      const { submittedPerSecond } = await run<BacklogResult>(input, './backlog.ts', task);
      // The first round is a warm-up.
      if (round > 0) rates[keys].push(submittedPerSecond);
    }
  }
  say(`  W7 ${kinds.map((kind) => `${kind} ${perSecond(median(rates[kind]))}`).join(', ')}`);
  const { none, idempotency, unique, window } = rates;
  return {
    none: sampleOf(none),
    idempotency: sampleOf(idempotency),
    unique: sampleOf(unique),
    window: sampleOf(window),
  };
}

async function openLoop(input: WorkloadsInput, say: (line: string) => void): Promise<OpenLoopResult> {
  const { address, natsUrl, access } = input.system;
  const seconds = sizesOf(input.quick).openLoopSeconds;
  const task: OpenLoopInput = { address, natsUrl, access, perSecond: openLoopPerSecond, seconds };
  const result = await run<OpenLoopResult>(input, './open-loop.ts', task);
  say(`  W4 start p50 ${result.started.p50.toFixed(2)} ms, completed p50 ${result.completed.p50.toFixed(2)} ms`);
  return result;
}

/** Measures Troupe and bare Piscina in turn, so that other load affects both. */
async function cpuJobs(input: WorkloadsInput, say: (line: string) => void): Promise<CpuResult> {
  const { system, quick, threads } = input;
  const { cpuJobs: jobs, rounds: runs } = sizesOf(quick);
  const burnTask = (rounds: number): BurnInput => ({ jobs, threads, rounds, jobMs: cpuJobMs });
  const { rounds } = await run<BurnResult>(input, '../limits/piscina-burn.ts', burnTask(0));
  const bareMs: number[] = [];
  const troupeMs: number[] = [];
  for (let round = 0; round < runs; round += 1) {
    bareMs.push((await run<BurnResult>(input, '../limits/piscina-burn.ts', burnTask(rounds))).wallMs);
    const task: CpuJobsInput = {
      address: system.address,
      natsUrl: system.natsUrl,
      access: system.access,
      jobs,
      rounds,
      threads,
    };
    troupeMs.push((await run<{ readonly wallMs: number }>(input, './cpu-jobs.ts', task)).wallMs);
    say(`  W5 bare ${(bareMs.at(-1) ?? 0).toFixed(0)} ms, troupe ${(troupeMs.at(-1) ?? 0).toFixed(0)} ms`);
  }
  const ratio = median(bareMs) / median(troupeMs);
  return { troupeMs: sampleOf(troupeMs), bareMs: sampleOf(bareMs), ratio, rounds };
}

function medianCost(costs: readonly CpuCost[]): CpuCost {
  const of = (part: keyof CpuCost): number => median(costs.map((cost) => cost[part]));
  return { node: of('node'), cells: of('cells'), nats: of('nats'), cassandra: of('cassandra'), load: of('load') };
}

function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString('en')}/s`;
}
