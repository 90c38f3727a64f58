// `npm run simulate`: runs the simulated cluster (test/support/simulation) under many seeds, on all cores.
//   -- --seed N            one seed, with its trace
//   -- --seeds N           seeds 1 to N          [2000; with --minutes, as many as there is time for]
//   -- --from N            first seed            [1]
//   -- --minutes N         stop after this time
//   -- --workers N         threads               [all cores]
// A run that is stopped (--minutes, Ctrl-C) prints the command that continues it. The exit code is 0 if no seed broke a
// promise, 1 if one did (it is printed with the command that reproduces it), and 3 if the run was stopped before the
// last seed and none had failed.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { replay, replayCommand } from '../test/support/simulation/replay.ts';
import { SeedPool } from '../test/support/simulation/seed-pool.ts';

interface Piece {
  readonly first: number;
  /** Number of seeds. If absent, as many as there is time for. */
  readonly seeds?: number;
  readonly minutes?: number;
  readonly workers: number;
}

const progressEveryMs = 5_000;
const patienceMs = 180_000;
const failuresMax = 20;
const seedsByDefault = 2_000;
const seedMax = 999_999_999;
const workerFile = new URL('../test/support/simulation/seed-worker.ts', import.meta.url);

async function one(seed: number): Promise<void> {
  const { verdict, trace } = await replay(seed);
  console.log(trace.join('\n'));
  const { violations, findings: _findings, ...facts } = verdict;
  console.log(JSON.stringify(facts));
  for (const violation of violations) console.log(violation);
  console.log(violations.length === 0 ? `seed ${seed}: every promise was kept` : `seed ${seed}: FAILED`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

async function many(piece: Piece): Promise<void> {
  const { first, minutes, workers } = piece;
  const wanted = Math.min(piece.seeds ?? seedMax, seedMax - first + 1);
  const startedMs = performance.now();
  const pool = new SeedPool({
    first,
    last: first + wanted - 1,
    workers,
    patienceMs,
    failuresMax,
    startWorker: () => new Worker(workerFile),
    onFailed: (seed, violations) => {
      console.log(`seed ${seed} FAILED: ${violations[0] ?? ''}\n  ${replayCommand(seed)}`);
    },
  });
  const { tally } = pool;
  let told = { seeds: 0, atMs: startedMs };
  const progress = setInterval(() => {
    const nowMs = performance.now();
    const rate = ((tally.seeds - told.seeds) / (nowMs - told.atMs)) * 1_000;
    told = { seeds: tally.seeds, atMs: nowMs };
    console.log(
      `${tally.seeds}${piece.seeds === undefined ? '' : ` of ${wanted}`} seeds, now ${rate.toFixed(0)}/s, ` +
        `${(tally.heapBytes / 2 ** 20).toFixed(0)} MiB of heap, ${tally.failed.length} failed`,
    );
  }, progressEveryMs);
  const stop = (): void => {
    pool.stop();
  };
  const stopAtTime = minutes === undefined ? undefined : setTimeout(stop, minutes * 60_000);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  await pool.run();
  clearInterval(progress);
  clearTimeout(stopAtTime);
  sayEnd(pool, (performance.now() - startedMs) / 1_000);
  const left = first + wanted - pool.next;
  if (left > 0) console.log(`to go on: ${goOnCommand(pool.next, left, piece)}`);
  process.exitCode = tally.failed.length > 0 ? 1 : left > 0 && piece.seeds !== undefined ? 3 : 0;
}

function sayEnd({ tally }: SeedPool, seconds: number): void {
  const { seeds, jobs, runs, failed } = tally;
  console.log(
    `${seeds} seeds in ${seconds.toFixed(0)} s (${(seeds / seconds).toFixed(1)}/s): ` +
      `${(tally.virtualMs / 3_600_000).toFixed(1)} h of cluster time, ` +
      `${jobs} jobs, ${runs} runs; settled within ${(tally.slowestSettleMs / 1_000).toFixed(1)} s; ` +
      `${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(', ')}`}`,
  );
}

function goOnCommand(from: number, left: number, { seeds, minutes, workers }: Piece): string {
  const options = [
    `--from ${from}`,
    ...(seeds === undefined ? [] : [`--seeds ${left}`]),
    ...(minutes === undefined ? [] : [`--minutes ${minutes}`]),
    `--workers ${workers}`,
  ];
  return `npm run simulate -- ${options.join(' ')}`;
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`--${name} must be a whole number from 1 to ${seedMax}, not "${text}"`);
  process.exit(2);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      minutes: { type: 'string' },
      workers: { type: 'string' },
    },
  });
  const seed = wholeNumber('seed', values.seed);
  if (seed !== undefined) {
    await one(seed);
    return;
  }
  const minutes = wholeNumber('minutes', values.minutes);
  const seeds = wholeNumber('seeds', values.seeds) ?? (minutes === undefined ? seedsByDefault : undefined);
  await many({
    first: wholeNumber('from', values.from) ?? 1,
    workers: wholeNumber('workers', values.workers) ?? availableParallelism(),
    ...(seeds !== undefined && { seeds }),
    ...(minutes !== undefined && { minutes }),
  });
}

await main();
