/** Decides when a cell should be replaced by a new one, from what the cell reports. A pure decision. */
import type { CellVitals } from '../protocol/cell-frames.ts';

export type UnfitReason = 'leaked threads' | 'memory' | 'child processes' | 'runs';

/** A cell is replaced when it has leaked this share of its threads. */
const leakedShare = 1 / 4;
/** How long fewer leaked threads are tolerated. Meanwhile their runs wait until their code ends. */
const leakedMaxMs = 30_000;
/**
 * A cell is replaced when its runs have left behind this many processes. Those are ended, but keep their process ids
 * until the cell ends.
 */
const orphansMax = 256;
/**
 * A cell is replaced after this many pulses above its memory bound, because nothing in it could be ended to free the
 * memory. By its own bounds it takes up to 2.4 s to end idle threads and then the run that holds most, and the kernel takes
 * time to take the memory back.
 */
const overMemoryPulses = 5;

export interface FitnessBounds {
  readonly threads: number;
  readonly rssMaxBytes: number;
  /** Runs after which the cell is replaced in any case; 0: never. */
  readonly runsMax: number;
}

/** What is remembered from one pulse to the next. */
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
