/**
 * W8: what waiting jobs cost. With so many of them in the system, its submit rate, start rate, latency and memory are
 * measured as in W1 to W4, and then its recovery.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryOf } from '../harness/process-tree.ts';
import { type Percentiles, type Sample, sampleOf } from '../harness/statistics.ts';
import { startSystem, type StoreKind, type SystemUnderTest } from '../harness/system.ts';
import { runTask } from '../harness/task.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { BacklogInput, BacklogResult } from './backlog.ts';
import type { OpenLoopInput, OpenLoopResult } from './open-loop.ts';
import { measureRecovery, type Recovery } from './recovery.ts';
import type { WaitingFillInput, WaitingFillResult } from './waiting-fill.ts';
import { openLoopPerSecond, sizesOf } from './workload-sizes.ts';

export interface WaitingInput {
  readonly store: StoreKind;
  readonly jobs: number;
  readonly quick: boolean;
  readonly threads: number;
  readonly teardown: Teardown;
}

export interface WaitingResults {
  readonly jobs: number;
  readonly filledPerSecond: number;
  readonly nodeRssMb: number;
  readonly submittedPerSecond: Sample;
  readonly startedPerSecond: Sample;
  readonly started: Percentiles;
  readonly recovery: Recovery;
}

const backlogMaxDefault = 200_000;
const taskTimeoutMs = 1_800_000;

export async function measureWaiting(input: WaitingInput, say: (line: string) => void): Promise<WaitingResults> {
  const { store, jobs, quick, threads, teardown } = input;
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'));
  teardown.add(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, 'troupe');
  await mkdir(dataDir);
  const settings = {
    // The jobs may all be in few shards.
    'shards.backlogMax': Math.max(backlogMaxDefault, 2 * jobs),
    'shards.memoryMaxMb': Math.max(2_048, Math.ceil((2 * 1_024 * jobs) / 1_048_576)),
  };
  const start = (): Promise<SystemUnderTest> => startSystem({ store, dataDir, settings, teardown });
  const system = await start();
  const { address, natsUrl, pid } = system;
  const run = <O>(file: string, task: object): Promise<O> =>
    runTask<O>(new URL(file, import.meta.url), { address, natsUrl, ...task }, { teardown, timeoutMs: taskTimeoutMs });

  const fillTask: Omit<WaitingFillInput, 'address' | 'natsUrl'> = { jobs };
  const filled = await run<WaitingFillResult>('waiting-fill.ts', fillTask);
  say(`  W8 ${jobs} jobs wait, ${Math.round(filled.submittedPerSecond)}/s submitted`);

  const { rounds, jobs: backlog, openLoopSeconds } = sizesOf(quick);
  const backlogTask: Omit<BacklogInput, 'address' | 'natsUrl'> = {
    jobs: backlog,
    batch: 1,
    callers: 64,
    keys: 'none',
    threads,
    systemPid: pid,
    folder,
  };
  await run('backlog.ts', { ...backlogTask, jobs: backlog / 5 });
  const backlogs: BacklogResult[] = [];
  for (let round = 0; round < rounds; round += 1) backlogs.push(await run<BacklogResult>('backlog.ts', backlogTask));
  const openLoopTask: Omit<OpenLoopInput, 'address' | 'natsUrl'> = {
    perSecond: openLoopPerSecond,
    seconds: openLoopSeconds,
  };
  const { started } = await run<OpenLoopResult>('open-loop.ts', openLoopTask);
  const nodeRssMb = (await memoryOf(pid)).processes.find((process) => process.pid === pid)?.rssMb ?? Number.NaN;
  say('  W8 kill and recovery');
  await system.kill();
  const { system: next, recovery } = await measureRecovery(start, filled.samples);
  await next.stop();
  return {
    jobs,
    filledPerSecond: filled.submittedPerSecond,
    nodeRssMb,
    submittedPerSecond: sampleOf(backlogs.map((result) => result.submittedPerSecond)),
    startedPerSecond: sampleOf(backlogs.map((result) => result.drainedPerSecond)),
    started,
    recovery,
  };
}
