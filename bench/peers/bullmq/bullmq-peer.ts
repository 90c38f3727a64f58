/**
 * BullMQ as the peer: its packages are installed into this folder when the bench is asked for it, so that `npm ci` of the
 * project brings none of them. One redis-server, one process of workers, and load generators like those for Troupe.
 */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pssOf } from '../../harness/process-tree.ts';
import { type Sample, sampleOf } from '../../harness/statistics.ts';
import { runTask } from '../../harness/task.ts';
import type { Teardown } from '../../harness/teardown.ts';
import type { OpenLoopResult } from '../../workloads/open-loop.ts';
import { openLoopPerSecond, sizesOf } from '../../workloads/workload-sizes.ts';
import type { Peer, PeerInput, PeerResults } from '../peer.ts';
import type { PeerBacklogInput, PeerBacklogResult } from './backlog.ts';
import { noopConcurrency } from './bullmq-session.ts';
import type { PeerCpuJobsInput } from './cpu-jobs.ts';
import type { PeerOpenLoopInput } from './open-loop.ts';
import { findRedis, type RedisProgram } from './redis-program.ts';
import { redisSettings, startRedis } from './redis-server.ts';
import type { WorkerPlan } from './worker-main.ts';

const folder = new URL('.', import.meta.url);
/** Installs the locked packages of a folder, if they are not there. */
const bootstrap = new URL('../../../scripts/bootstrap.mjs', import.meta.url);
const installTimeoutMs = 180_000;
const taskTimeoutMs = 600_000;
const workerReadyTimeoutMs = 60_000;

/** Returns the reason if it cannot be had here. */
export async function findBullMq(): Promise<Peer | string> {
  const args = [fileURLToPath(bootstrap), 'bench/peers/bullmq'];
  try {
    await promisify(execFile)(process.execPath, args, { timeout: installTimeoutMs });
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string };
    return `its packages cannot be installed: ${stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  const redis = await findRedis();
  return typeof redis === 'string' ? redis : { measure: (input, say) => measure(redis, input, say) };
}

async function measure(redis: RedisProgram, input: PeerInput, say: (line: string) => void): Promise<PeerResults> {
  const { threads, teardown, only, settleMs } = input;
  const server = await startRedis(redis, input.folder, teardown);
  const worker = await startWorker({ port: server.port, threads }, teardown);
  await sleep(settleMs);
  const idlePssMb = (await pssOf(server.pid)) + (await pssOf(worker.pid));
  const run = <O>(file: string, task: object): Promise<O> =>
    runTask<O>(new URL(file, folder), { port: server.port, ...task }, { teardown, timeoutMs: taskTimeoutMs });
  const results = {
    name: 'BullMQ',
    settings: await settingsText(server.version, threads),
    idlePssMb,
    ...(await backlogs(run, input, say)),
    ...(only.has('W4') && { W4: await openLoop(run, input, say) }),
    ...(input.burnRounds !== undefined && { W5: await cpuJobs(run, input, input.burnRounds, say) }),
  };
  await worker.stop();
  await server.stop();
  return results;
}

type Run = <O>(file: string, task: object) => Promise<O>;

async function backlogs(run: Run, { only, quick }: PeerInput, say: (line: string) => void) {
  const { jobs, rounds } = sizesOf(quick);
  const singly: PeerBacklogResult[] = [];
  const batches: PeerBacklogResult[] = [];
  const measureOne = async (name: string, batch: number, callers: number, count = jobs): Promise<PeerBacklogResult> => {
    const task: Omit<PeerBacklogInput, 'port'> = { jobs: count, batch, callers };
    const result = await run<PeerBacklogResult>('backlog.ts', task);
    const [submitted, drained] = [result.submittedPerSecond, result.drainedPerSecond].map(Math.round);
    say(`  ${name} ${submitted}/s submitted, ${drained}/s drained`);
    return result;
  };
  if (!only.has('W1') && !only.has('W2') && !only.has('W3')) return {};
  await measureOne('warm-up', 1, 64, jobs / 5);
  for (let round = 0; round < rounds; round += 1) {
    if (only.has('W1') || !only.has('W2')) singly.push(await measureOne('W1+W3', 1, 64));
    if (only.has('W2')) batches.push(await measureOne('W2+W3', 500, 4));
  }
  const submitted = (results: readonly PeerBacklogResult[]): Sample =>
    sampleOf(results.map(({ submittedPerSecond }) => submittedPerSecond));
  return {
    ...(only.has('W1') && { W1: submitted(singly) }),
    ...(only.has('W2') && { W2: submitted(batches) }),
    ...(only.has('W3') && { W3: sampleOf([...singly, ...batches].map(({ drainedPerSecond }) => drainedPerSecond)) }),
  };
}

async function openLoop(run: Run, { quick }: PeerInput, say: (line: string) => void): Promise<OpenLoopResult> {
  const task: Omit<PeerOpenLoopInput, 'port'> = {
    perSecond: openLoopPerSecond,
    seconds: sizesOf(quick).openLoopSeconds,
  };
  const result = await run<OpenLoopResult>('open-loop.ts', task);
  say(`  W4 start p50 ${result.started.p50.toFixed(2)} ms, completed p50 ${result.completed.p50.toFixed(2)} ms`);
  return result;
}

async function cpuJobs(
  run: Run,
  { quick, threads }: PeerInput,
  burnRounds: number,
  say: (line: string) => void,
): Promise<Sample> {
  const { cpuJobs: jobs, rounds } = sizesOf(quick);
  const task: Omit<PeerCpuJobsInput, 'port'> = { jobs, rounds: burnRounds, threads };
  const wallsMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    wallsMs.push((await run<{ readonly wallMs: number }>('cpu-jobs.ts', task)).wallMs);
  }
  say(`  W5 ${wallsMs.map(Math.round).join(', ')} ms`);
  return sampleOf(wallsMs);
}

interface PeerWorker {
  readonly pid: number;
  stop(): Promise<void>;
}

async function startWorker(plan: WorkerPlan, teardown: Teardown): Promise<PeerWorker> {
  const child = fork(fileURLToPath(new URL('worker-main.ts', folder)), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    detached: true,
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  teardown.add(stop);
  child.send(plan);
  await once(child, 'message', { signal: AbortSignal.timeout(workerReadyTimeoutMs) });
  return { pid: child.pid ?? 0, stop };
}

async function settingsText(redisVersion: string, threads: number): Promise<string> {
  const { dependencies } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const packages = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
  const settings = Object.entries(redisSettings).map(([name, value]) => `${name} ${value === '' ? '""' : value}`);
  return [
    `${packages.join(', ')}, Redis ${redisVersion} (${settings.join(', ')})`,
    `one process of workers: no-op jobs in it, ${noopConcurrency} at once; CPU jobs in ${threads} threads (useWorkerThreads)`,
    'all else as it comes',
  ].join('; ');
}
