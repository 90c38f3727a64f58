/** Does long work in slices, between which the loop is free. */
import type { Clock } from '../../../application/ports/runtime.ts';
import type { SlicedWork } from '../../../domain/sliced-work.ts';

/** A few ms. */
export const sliceJobs = 2_000;

/** Resolves when the work is done. What the work looks at must not be changed by others meanwhile. */
export async function inSlices(clock: Pick<Clock, 'setTimer'>, work: SlicedWork): Promise<void> {
  let left = sliceJobs;
  for (const jobs of work) {
    left -= jobs;
    if (left > 0) continue;
    left = sliceJobs;
    await new Promise<void>((resolve) => clock.setTimer(0, resolve));
  }
}
