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
import { memoryOf } from './harness/process-tree.ts';
import { startSystem, type StoreKind, type SystemUnderTest } from './harness/system.ts';
import type { StoreAddress } from './harness/store-handle.ts';
import { Teardown } from './harness/teardown.ts';
import { measureLimits } from './limits/raw-limits.ts';
import { type BenchOptions, readOptions, usage, UsageError } from './options.ts';
import { figureRows, reportTables, type StoreResults } from './report.ts';
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
  const { quick, only } = options;
  const threads = availableParallelism();
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'));
  teardown.add(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, 'troupe');
  await mkdir(dataDir);
  const before = await otherLoad();
  say(`${store}: starting troupe dev`);
  const profileDir = options.profileDir === undefined ? undefined : resolve(options.profileDir, store);
  const system = await startSystem({ store, dataDir, profileDir, teardown });
  await sleep(settleMs);
  const idleMemory = await memoryOf(system.pid);
  say(`${store}: raw limits`);
  const address = storeAddress(store, folder, system);
  const limits = await measureLimits({ natsUrl: system.natsUrl, store: address, threads, quick, teardown }, say);
  say(`${store}: workloads`);
  const workloads = await runWorkloads({ system, only, quick, threads, folder, teardown }, say);
  await system.stop();
  return { store, limits, workloads, idleMemory, otherLoad: [before, await otherLoad()] };
}

async function keep(results: StoreResults, quick: boolean): Promise<string> {
  const at = new Date();
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
  const stamp = at.toISOString().slice(0, 19).replaceAll(':', '');
  const path = join(resultsDir, `${stamp}-${results.store}${quick ? '-quick' : ''}.json`);
  const document = { at: at.toISOString(), machine, quick, ...results, figures: figureRows(results) };
  await writeFile(path, `${JSON.stringify(document, undefined, 2)}\n`);
  return path;
}

/** Resolves to false if a mark was missed. */
async function bench(options: BenchOptions, teardowns: Set<Teardown>): Promise<boolean> {
  let met = true;
  for (const store of options.stores) {
    const teardown = new Teardown();
    teardowns.add(teardown);
    try {
      const results = await benchStore(store, options, teardown);
      const path = await keep(results, options.quick);
      console.log(`\n## Troupe on ${store}${options.quick ? ' (quick: sizes too small for figures)' : ''}\n`);
      console.log(`${reportTables(results)}\n\n${path}`);
      met &&= figureRows(results).every((row) => row.met !== false);
    } finally {
      await teardown.run();
      teardowns.delete(teardown);
    }
  }
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
