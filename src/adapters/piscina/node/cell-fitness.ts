/** When a cell should be replaced by a new one, from what it says of itself: a pure decision. */
import type { CellVitals } from '../protocol/cell-frames.ts';

export type UnfitReason = 'leaked threads' | 'memory' | 'child processes' | 'runs';

/** A cell with fewer threads left than three quarters of its own is replaced. */
const leakedShare = 1 / 4;
/** A single leaked thread is put up with for this long: its run waits for the end of its code. */
const leakedMaxMs = 30_000;
/** So many processes that its runs had left behind keep their numbers, which only its end releases. */
const orphansMax = 256;
/** Above its bound for so many pulses although nothing in it could be ended for that. */
const overMemoryPulses = 3;

export interface FitnessBounds {
  readonly threads: number;
  readonly rssMaxBytes: number;
  /** Runs after which it is replaced in any case; 0: never. */
  readonly runsMax: number;
}

/** What is remembered from pulse to pulse. */
export interface Fitness {
  readonly leakedSinceMs: number | undefined;
  readonly overMemory: number;
  readonly unfit: UnfitReason | undefined;
}

export const newFitness: Fitness = { leakedSinceMs: undefined, overMemory: 0, unfit: undefined };

export function nextFitness(
  before: Fitness,
  seen: { readonly vitals: CellVitals; readonly runs: number; readonly nowMs: number },
  bounds: FitnessBounds,
): Fitness {
  const { vitals, runs, nowMs } = seen;
  const leakedSinceMs = vitals.leaked === 0 ? undefined : (before.leakedSinceMs ?? nowMs);
  const overMemory = vitals.rssBytes > bounds.rssMaxBytes ? before.overMemory + 1 : 0;
  const leakedLong = leakedSinceMs !== undefined && nowMs - leakedSinceMs >= leakedMaxMs;
  const leakedMany = vitals.leaked > 0 && vitals.leaked >= bounds.threads * leakedShare;
  const unfit =
    leakedMany || leakedLong
      ? 'leaked threads'
      : overMemory >= overMemoryPulses
        ? 'memory'
        : vitals.orphans >= orphansMax
          ? 'child processes'
          : bounds.runsMax > 0 && runs >= bounds.runsMax
            ? 'runs'
            : undefined;
  return { leakedSinceMs, overMemory, unfit };
}
