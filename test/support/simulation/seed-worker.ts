/** A thread of `npm run simulate`: it is given one seed at a time and tells how the run of it ended. */
import { parentPort } from 'node:worker_threads';
import type { SeedAnswer } from './seed-pool.ts';
import { simulate } from './simulation.ts';

// Thousands of refusals a seed are made and caught: a failed seed is run again, with stacks.
Error.stackTraceLimit = 0;

parentPort?.on('message', (seed: number) => {
  void simulate(seed).then(({ violations, runs, jobs, virtualMs, settledMs }) => {
    const heapBytes = process.memoryUsage().heapUsed;
    parentPort?.postMessage({ violations, runs, jobs, virtualMs, settledMs, heapBytes } satisfies SeedAnswer);
  });
});
