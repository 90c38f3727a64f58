/**
 * Restart intensity as in OTP: at most `maxRestarts` within any `windowMs`. A restart counts until it is older than the
 * window. Pure.
 */
/** A limit on restarts. A `maxRestarts` of 0 allows none. */
export interface Intensity {
  /** The number of restarts allowed within the window. */
  readonly maxRestarts: number;
  /** The length of the window, in ms. */
  readonly windowMs: number;
}

/** The times of restarts in monotonic ms, oldest first. At most `maxRestarts` entries. */
export type RestartHistory = readonly number[];

/** The restarts that still count at `nowMs`. */
export function restartsInWindow(history: RestartHistory, intensity: Intensity, nowMs: number): RestartHistory {
  return history.filter((atMs) => nowMs - atMs <= intensity.windowMs);
}

/** Adds a restart at `nowMs`. Returns `undefined` if that would exceed the limit. */
export function addRestart(history: RestartHistory, intensity: Intensity, nowMs: number): RestartHistory | undefined {
  const counted = restartsInWindow(history, intensity, nowMs);
  return counted.length < intensity.maxRestarts ? [...counted, nowMs] : undefined;
}
