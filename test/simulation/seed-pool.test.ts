/** Many seeds in a row: nothing of one is left behind, each is run once, and a thread that dies tells of the seed it was on. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Cluster } from '../support/simulation/cluster.ts';
import { SeedPool } from '../support/simulation/seed-pool.ts';
import { simulate } from '../support/simulation/simulation.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function heapAfter(first: number, seeds: number, clusters: WeakRef<Cluster>[]): Promise<number> {
  for (let seed = first; seed < first + seeds; seed += 1) {
    await simulate(seed, {
      change: (cluster) => {
        if (clusters.at(-1)?.deref() !== cluster) clusters.push(new WeakRef(cluster));
      },
    });
  }
  // Weak references are dropped between two turns of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return getHeapStatistics().used_heap_size;
}

test('sixty seeds leave the heap where it was, and none of their clusters', async () => {
  const clusters: WeakRef<Cluster>[] = [];
  const before = await heapAfter(1, 10, clusters);
  const after = await heapAfter(11, 50, clusters);
  expect(clusters).toHaveLength(60);
  expect(clusters.filter((cluster) => cluster.deref() !== undefined).length).toBeLessThanOrEqual(1);
  expect(after / before).toBeLessThan(1.2);
});

/** Seeds keep their promises, but for 13 (breaks one), 14 (ends its thread), 15 (throws) and 16 (never ends). */
const fakeWorker = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (seed) => {
    if (seed === 14) process.exit(7);
    if (seed === 15) throw new Error('no heap left');
    if (seed === 16) return;
    const violations = seed === 13 ? ['promise 1: broken'] : [];
    parentPort.postMessage({ violations, runs: 1, jobs: 1, virtualMs: 1, settledMs: seed, heapBytes: 1 });
  });
`;

function fakePool(
  first: number,
  last: number,
  more: { workers?: number; failuresMax?: number; patienceMs?: number } = {},
) {
  const failures: string[] = [];
  const pool = new SeedPool({
    first,
    last,
    workers: 2,
    patienceMs: 60_000,
    failuresMax: 20,
    ...more,
    startWorker: () => new Worker(fakeWorker, { eval: true }),
    onFailed: (seed, violations) => failures.push(`${seed}: ${violations.join()}`),
  });
  return { pool, failures };
}

test('every seed is run once; the seed on which a thread died has failed, and those after it are run', async () => {
  const { pool, failures } = fakePool(11, 15, { workers: 1 });
  await pool.run();
  expect(failures).toEqual([
    '13: promise 1: broken',
    '14: the thread that ran it ended with exit code 7',
    '15: the thread that ran it died of no heap left',
  ]);
  expect(pool.tally).toMatchObject({ seeds: 5, failed: [13, 14, 15], runs: 3, slowestSettleMs: 13 });
  expect(pool.next).toBe(16);
});

test('a thread that says nothing is given up', async () => {
  const { pool, failures } = fakePool(16, 16, { workers: 1, patienceMs: 20 });
  await pool.run();
  expect(failures).toEqual(['16: the thread that ran it said nothing for 0.02 s']);
  expect(pool.tally).toMatchObject({ seeds: 1, failed: [16] });
});

test('a stop lets the seeds under way end and says which one is next', async () => {
  const { pool } = fakePool(100, 1_000_000);
  const ended = pool.run();
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (pool.tally.seeds < 10) setImmediate(look);
      else resolve();
    };
    look();
  });
  pool.stop();
  await ended;
  expect(pool.next).toBe(100 + pool.tally.seeds);
  expect(pool.tally.failed).toEqual([]);
});

test('a build that fails everywhere ends soon', async () => {
  const { pool } = fakePool(13, 1_000, { workers: 1, failuresMax: 2 });
  await pool.run();
  expect([pool.tally.failed, pool.next]).toEqual([[13, 14], 15]);
});
