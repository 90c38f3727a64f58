// `npm run simulate`: the simulated cluster (test/support/simulation) under as many seeds as one likes, on all cores.
//   -- --seed N            one seed, with its trace
//   -- --seeds N           seeds 1 to N          [2000]
//   -- --from N            start there instead of 1
//   -- --workers N         threads               [all cores]
// Exit code 1 when a seed broke a promise; it is named with the command that shows it again.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { replay, replayCommand } from '../test/support/simulation/replay.ts';
import { simulate } from '../test/support/simulation/simulation.ts';

interface Share {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

interface Tally {
  seeds: number;
  runs: number;
  jobs: number;
  virtualMs: number;
  slowestSettleMs: number;
}

type News =
  | { readonly kind: 'tally'; readonly tally: Tally }
  | { readonly kind: 'failed'; readonly seed: number; readonly violations: readonly string[] };

const tellEvery = 50;
const progressEveryMs = 2_000;
/** A broken build fails everywhere: enough seeds are named. */
const failuresMax = 20;

function emptyTally(): Tally {
  return { seeds: 0, runs: 0, jobs: 0, virtualMs: 0, slowestSettleMs: 0 };
}

function add(sum: Tally, more: Tally): void {
  sum.seeds += more.seeds;
  sum.runs += more.runs;
  sum.jobs += more.jobs;
  sum.virtualMs += more.virtualMs;
  sum.slowestSettleMs = Math.max(sum.slowestSettleMs, more.slowestSettleMs);
}

async function work({ first, last, step }: Share, tell: (news: News) => void): Promise<void> {
  let tally = emptyTally();
  for (let seed = first; seed <= last; seed += step) {
    const { violations, runs, jobs, virtualMs, settledMs } = await simulate(seed);
    add(tally, { seeds: 1, runs, jobs, virtualMs, slowestSettleMs: settledMs });
    if (violations.length > 0) tell({ kind: 'failed', seed, violations });
    if (tally.seeds < tellEvery && seed + step <= last) continue;
    tell({ kind: 'tally', tally });
    tally = emptyTally();
  }
}

async function one(seed: number): Promise<void> {
  const { verdict, trace } = await replay(seed);
  console.log(trace.join('\n'));
  const { violations, findings: _findings, ...facts } = verdict;
  console.log(JSON.stringify(facts));
  for (const violation of violations) console.log(violation);
  console.log(
    violations.length === 0 ? `seed ${String(seed)}: every promise was kept` : `seed ${String(seed)}: FAILED`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function many({ first, last, workers }: { first: number; last: number; workers: number }): Promise<void> {
  const startedMs = performance.now();
  const sum = emptyTally();
  const failed: number[] = [];
  const wanted = last - first + 1;
  const secondsSince = (): number => (performance.now() - startedMs) / 1_000;
  const progress = setInterval(() => {
    const rate = sum.seeds / secondsSince();
    const leftMin = (wanted - sum.seeds) / Math.max(rate, 0.01) / 60;
    console.log(
      `${String(sum.seeds)} of ${String(wanted)} seeds, ${rate.toFixed(0)}/s, ` +
        `${String(failed.length)} failed, ${leftMin.toFixed(0)} min to go`,
    );
  }, progressEveryMs);
  const threads = Array.from({ length: workers }, (_, index) => {
    const share: Share = { first: first + index, last, step: workers };
    return new Worker(new URL(import.meta.url), { workerData: share });
  });
  const stop = (): void => {
    for (const thread of threads) void thread.terminate();
  };
  const ended = threads.map(
    (thread) =>
      new Promise<void>((resolve, reject) => {
        thread.on('error', reject);
        thread.on('exit', () => {
          resolve();
        });
        thread.on('message', (news: News) => {
          if (news.kind === 'tally') {
            add(sum, news.tally);
            return;
          }
          failed.push(news.seed);
          console.log(`seed ${String(news.seed)} FAILED: ${news.violations[0] ?? ''}\n  ${replayCommand(news.seed)}`);
          if (failed.length >= failuresMax) stop();
        });
      }),
  );
  try {
    await Promise.all(ended);
  } finally {
    clearInterval(progress);
    stop();
  }
  const hours = sum.virtualMs / 3_600_000;
  console.log(
    `${String(sum.seeds)} seeds in ${secondsSince().toFixed(0)} s: ${hours.toFixed(1)} h of cluster time, ` +
      `${String(sum.jobs)} jobs, ${String(sum.runs)} runs; settled within ${(sum.slowestSettleMs / 1_000).toFixed(1)} s; ` +
      `${String(failed.length)} failed${failed.length === 0 ? '' : `: ${failed.join(', ')}`}`,
  );
  process.exitCode = failed.length === 0 && sum.seeds === wanted ? 0 : 1;
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`--${name} must be a whole number above 0, not "${text}"`);
  process.exit(2);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      workers: { type: 'string' },
    },
  });
  if (values.seed !== undefined) {
    await one(wholeNumber('seed', values.seed, 1));
    return;
  }
  const first = wholeNumber('from', values.from, 1);
  const last = first + wholeNumber('seeds', values.seeds, 2_000) - 1;
  await many({ first, last, workers: wholeNumber('workers', values.workers, availableParallelism()) });
}

if (isMainThread) await main();
else await work(workerData as Share, (news) => parentPort?.postMessage(news));
