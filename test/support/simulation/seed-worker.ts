/** A thread of `npm run simulate`: receives one seed at a time and reports how its simulation ended. */
import { parentPort } from 'node:worker_threads';
import type { SeedAnswer } from './seed-pool.ts';
import { simulate } from './simulation.ts';

// A seed creates and catches thousands of errors, so skip their stacks. A failed seed is run again with stacks.
Error.stackTraceLimit = 0;

parentPort?.on('message', (seed: number) => {
  void simulate(seed).then(({ violations, runs, jobs, virtualMs, settledMs }) => {
    const heapBytes = process.memoryUsage().heapUsed;
    parentPort?.postMessage({ violations, runs, jobs, virtualMs, settledMs, heapBytes } satisfies SeedAnswer);
  });
});
