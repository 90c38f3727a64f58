/** Attempts of a job as bars on one line of time: how long each waited, and how long it ran. */
import type { Attempt, Job } from '../wire/shapes.ts';
import { timeMs } from './durations.ts';

export interface Lane {
  readonly attempt: Attempt;
  /** From 0 to 1 of the whole time. */
  readonly waitFrom: number;
  readonly from: number;
  readonly until: number;
  readonly waitMs: number;
  readonly runMs: number;
}

export interface Lanes {
  readonly lanes: readonly Lane[];
  readonly beginMs: number;
  readonly endMs: number;
}

export function attemptLanes({ attempts = [], createTime, endTime }: Job, nowMs: number): Lanes {
  const starts = attempts.map(({ startTime }) => timeMs(startTime) ?? nowMs);
  // Of a job with many attempts only the newest are kept: the first lane then begins with its attempt.
  const isWhole = (attempts[0]?.number ?? 1) === 1;
  const beginMs = isWhole ? (timeMs(createTime) ?? starts[0] ?? nowMs) : (starts[0] ?? nowMs);
  const endMs = Math.max(timeMs(endTime) ?? nowMs, beginMs + 1);
  const share = (ms: number): number => Math.min(1, Math.max(0, (ms - beginMs) / (endMs - beginMs)));
  let beforeMs = beginMs;
  const lanes = attempts.map((attempt, index) => {
    const startMs = starts[index] ?? beforeMs;
    const stopMs = timeMs(attempt.endTime) ?? endMs;
    const lane: Lane = {
      attempt,
      waitFrom: share(beforeMs),
      from: share(startMs),
      until: share(stopMs),
      waitMs: Math.max(0, startMs - beforeMs),
      runMs: Math.max(0, stopMs - startMs),
    };
    beforeMs = stopMs;
    return lane;
  });
  return { lanes, beginMs, endMs };
}
