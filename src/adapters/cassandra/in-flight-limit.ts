/** Limits the requests in flight and those that wait for their turn. First come, first served. */
import { TroupeError } from '../../domain/errors.ts';

export interface InFlightLimit {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createInFlightLimit(options: {
  readonly inFlightMax: number;
  readonly waitingMax: number;
}): InFlightLimit {
  let inFlight = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    const next = waiting.shift();
    // The place passes directly to the next in line, so nobody can slip in between.
    if (next === undefined) inFlight -= 1;
    else next();
  };
  return {
    async run(work) {
      if (inFlight < options.inFlightMax) {
        inFlight += 1;
      } else {
        if (waiting.length >= options.waitingMax) {
          throw new TroupeError('OVERLOADED', { message: 'too many requests wait for the store' });
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/**
 * Runs `work` on every item, at most `width` at a time. A failure ends only one of the `width` loops over the items,
 * and the others continue. When all have ended, one of the failures is thrown.
 */
export async function forEachBounded<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let item = items[next]; next < items.length; item = items[next]) {
      next += 1;
      if (item !== undefined) await work(item);
    }
  };
  const runners = Array.from({ length: Math.min(width, items.length) }, runner);
  const outcomes = await Promise.allSettled(runners);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
