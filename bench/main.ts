/**
 * `npm run bench`: measures the raw limits of this machine and Troupe's workloads in the same run, prints each figure
 * with its ratio to the limit of its path, and stores them in `bench/results/`. docs/reference/performance.md explains
 * what is measured and why.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { otherLoad } from './harness/other-load.ts';
import { memoryOf, pssOf } from './harness/process-tree.ts';
import { startSystem, type StoreKind, type SystemUnderTest } from './harness/system.ts';
import type { StoreAddress } from './harness/store-handle.ts';
import { Teardown } from './harness/teardown.ts';
import { measureLimits } from './limits/raw-limits.ts';
import { type BenchOptions, readOptions, usage, UsageError } from './options.ts';
import { findPeer, measurePeer, type Peer, type PeerResults } from './peers/peer.ts';
import { peerTable } from './report/peer-report.ts';
import { figureRows, reportTables, type StoreResults } from './report/store-report.ts';
import { shardProcessesMet, shardProcessesTable } from './report/shard-processes-report.ts';
import { floodTable } from './report/flood-report.ts';
import { waitingTable } from './report/waiting-report.ts';
import { measureFloods } from './workloads/flood.ts';
import { measureWaiting, type WaitingResults } from './workloads/waiting-jobs.ts';
import { createBenchQueue } from './workloads/session.ts';
import { measureShardProcesses, modelCommitMs, modelShards, steadyPerSecond } from './workloads/shard-processes.ts';
import { runWorkloads } from './workloads/workload-results.ts';

const resultsDir = fileURLToPath(new URL('./results/', import.meta.url));
/** Work of the system's start is over after this time. */
const settleMs = 3_000;

function say(line: string): void {
  console.error(line);
}

function storeAddress(kind: StoreKind, folder: string, system: SystemUnderTest): StoreAddress {
  if (kind === 'sqlite') return { kind, path: join(folder, 'limit.db') };
  const contactPoints = [`127.0.0.1:${String(system.cassandraPort)}`];
  return { kind, contactPoints, localDataCenter: 'datacenter1', keyspace: 'troupe_limit' };
}

async function benchStore(store: StoreKind, options: BenchOptions, teardown: Teardown): Promise<StoreResults> {
  const { quick, only, events, security } = options;
  const threads = availableParallelism();
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'));
  teardown.add(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, 'troupe');
  await mkdir(dataDir);
  const before = await otherLoad();
  say(`${store}: starting troupe dev`);
  const profileDir = options.profileDir === undefined ? undefined : resolve(options.profileDir, store);
  const system = await startSystem({ store, dataDir, profileDir, security, teardown });
  await createBenchQueue(system, events);
  await sleep(settleMs);
  const [idleMemory, idlePssMb] = [await memoryOf(system.pid), await pssOf(system.pid)];
  say(`${store}: raw limits`);
  const address = storeAddress(store, folder, system);
  const limits = await measureLimits({ natsUrl: system.natsUrl, store: address, threads, quick, teardown }, say);
  say(`${store}: workloads`);
  const workloads = await runWorkloads({ system, only, quick, threads, folder, teardown }, say);
  await system.stop();
  return { store, events, security, limits, workloads, idleMemory, idlePssMb, otherLoad: [before, await otherLoad()] };
}

async function benchPeer(
  peer: Peer,
  { quick, only }: BenchOptions,
  results: StoreResults,
  teardown: Teardown,
): Promise<PeerResults> {
  say('peer: workloads');
  const burnRounds = results.workloads.W5?.rounds;
  return measurePeer(peer, { only, quick, threads: availableParallelism(), settleMs, burnRounds, teardown }, say);
}

async function keep(name: string, quick: boolean, results: object): Promise<string> {
  const at = new Date();
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
  const stamp = at.toISOString().slice(0, 19).replaceAll(':', '');
  const path = join(resultsDir, `${stamp}-${name}${quick ? '-quick' : ''}.json`);
  await writeFile(path, `${JSON.stringify({ at: at.toISOString(), machine, quick, ...results }, undefined, 2)}\n`);
  return path;
}

/** Resolves to false if a mark was missed. */
async function benchRoutine(
  store: StoreKind,
  peer: Peer | undefined,
  options: BenchOptions,
  teardown: Teardown,
): Promise<boolean> {
  const results = await benchStore(store, options, teardown);
  const beside = peer && (await benchPeer(peer, options, results, teardown));
  const figures = figureRows(results);
  const path = await keep(store, options.quick, { ...results, figures, ...(beside && { peer: beside }) });
  console.log(
    `\n## Troupe on ${store}, security ${options.security}${options.quick ? ' (quick: sizes too small for figures)' : ''}\n`,
  );
  console.log(reportTables(results));
  if (beside !== undefined) console.log(`\n${peerTable(results, beside)}`);
  console.log(`\n${path}`);
  return figures.every((row) => row.met !== false);
}

/** What was measured is printed even if a larger number of jobs is too many. */
async function benchWaiting(store: StoreKind, options: BenchOptions, teardown: Teardown): Promise<void> {
  const { quick, waitingJobs } = options;
  const results: WaitingResults[] = [];
  try {
    for (const jobs of waitingJobs) {
      say(`${store}: starting troupe dev for ${jobs} waiting jobs`);
      results.push(await measureWaiting({ store, jobs, quick, threads: availableParallelism(), teardown }, say));
    }
  } finally {
    const path = await keep(`${store}-waiting`, quick, { store, results });
    console.log(`\n## Troupe on ${store} with waiting jobs\n\n${waitingTable(results)}\n\n${path}`);
  }
}

async function benchFloods(store: StoreKind, { quick }: BenchOptions, teardown: Teardown): Promise<void> {
  const load = await otherLoad();
  say(`${store}: one tenant beside the flood of another`);
  const results = await measureFloods({ store, quick, teardown }, say);
  const path = await keep(`${store}-floods`, quick, { store, results, otherLoad: load });
  const conditions = `${Math.round(load * 100)} % of the cores were busy before`;
  console.log(`\n## Floods on ${store}\n\n${conditions}\n\n${floodTable(results)}\n\n${path}`);
}

/** Resolves to false if a mark was missed. */
async function benchShardProcesses({ quick }: BenchOptions, teardown: Teardown): Promise<boolean> {
  const load = await otherLoad();
  say('shard processes on a modelled store');
  const results = await measureShardProcesses(quick, teardown, say);
  const path = await keep('shard-processes', quick, { results, otherLoad: load });
  const conditions = `${steadyPerSecond} jobs/s, ${modelShards} shards, ${modelCommitMs} ms a commit`;
  const busy = `${Math.round(load * 100)} % of the cores were busy before`;
  console.log(`\n## Shard processes\n\n${conditions}; ${busy}\n\n${shardProcessesTable(results)}\n\n${path}`);
  return shardProcessesMet(results);
}

/** Resolves to false if a mark was missed. */
async function bench(options: BenchOptions, teardowns: Set<Teardown>): Promise<boolean> {
  const peer = await findPeer(options.peer, say);
  const { only } = options;
  const inTeardown = async (work: (teardown: Teardown) => Promise<boolean>): Promise<boolean> => {
    const teardown = new Teardown();
    teardowns.add(teardown);
    try {
      return await work(teardown);
    } finally {
      await teardown.run();
      teardowns.delete(teardown);
    }
  };
  const isRoutine = [...only].some((name) => name !== 'W8' && name !== 'W9' && name !== 'W10');
  let met = true;
  for (const store of isRoutine || only.has('W8') || only.has('W10') ? options.stores : []) {
    const wasMet = await inTeardown(async (teardown) => {
      const routineMet = !isRoutine || (await benchRoutine(store, peer, options, teardown));
      if (only.has('W8')) await benchWaiting(store, options, teardown);
      if (only.has('W10')) await benchFloods(store, options, teardown);
      return routineMet;
    });
    met = wasMet && met;
  }
  if (only.has('W9')) met = (await inTeardown((teardown) => benchShardProcesses(options, teardown))) && met;
  return met;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const teardowns = new Set<Teardown>();
  const interruption = new AbortController();
  const interrupt = (): void => {
    if (interruption.signal.aborted) return;
    interruption.abort();
    say('stopping ...');
    void Promise.all([...teardowns].map((teardown) => teardown.run())).finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const met = await bench(options, teardowns);
    return met || !options.strict ? 0 : 1;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    return 130;
  }
}

try {
  if (process.argv.includes('--help')) console.log(usage);
  else process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
