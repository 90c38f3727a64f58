/**
 * How many restarts are too many: at most `maxRestarts` within any `windowMs` (as in OTP: a restart counts while its age is
 * at most the window; 0 allows none). Pure.
 */
export interface Intensity {
  /** Restarts allowed within the window. */
  readonly maxRestarts: number;
  /** Length of the window in ms. */
  readonly windowMs: number;
}

/** Monotonic ms of restarts, oldest first; never longer than `maxRestarts`. */
export type RestartHistory = readonly number[];

export function restartsInWindow(history: RestartHistory, intensity: Intensity, nowMs: number): RestartHistory {
  return history.filter((atMs) => nowMs - atMs <= intensity.windowMs);
}

/** The history with one restart more, or `undefined` when that would be one too many. */
export function addRestart(history: RestartHistory, intensity: Intensity, nowMs: number): RestartHistory | undefined {
  const counted = restartsInWindow(history, intensity, nowMs);
  return counted.length < intensity.maxRestarts ? [...counted, nowMs] : undefined;
}
