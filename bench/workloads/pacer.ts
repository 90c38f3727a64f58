/**
 * Signals when the next job is due, from its own thread, which sleeps with a resolution far below a millisecond. A
 * timer of the event loop would be late by up to one, which is as much as what is measured.
 */
import { parentPort, workerData } from 'node:worker_threads';

export interface PacerPlan {
  readonly perSecond: number;
  readonly count: number;
  /** On the clock `performance.timeOrigin + performance.now()`. */
  readonly startAtMs: number;
}

const { perSecond, count, startAtMs } = workerData as PacerPlan;
const never = new Int32Array(new SharedArrayBuffer(4));

for (let index = 0; index < count; index += 1) {
  const waitMs = startAtMs + (index * 1_000) / perSecond - (performance.timeOrigin + performance.now());
  if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
  parentPort?.postMessage(index);
}
