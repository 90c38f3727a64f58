/** How long a failing child stays down before its next incarnation. Pure: the random source is an argument. */
import type { Random } from '../application/ports/runtime.ts';

/** Pauses before restarts. Each is twice as long as the one before, up to a maximum. */
export interface Backoff {
  /** The first pause, in ms. */
  readonly initialMs: number;
  /** The upper bound in ms, jitter included. */
  readonly maxMs: number;
  /**
   * A share from 0 to 1. With 0.2 a pause varies by up to 20 % either way, so that children that failed together do not
   * restart together.
   */
  readonly jitter: number;
}

/** The pause in ms after the failure number `failures`, counted from 1. */
export function backoffDelayMs(backoff: Backoff, failures: number, random: Random): number {
  // beyond this exponent the maximum applies anyway, and the power stays a safe number
  const exponent = Math.min(failures - 1, 30);
  const delayMs = Math.min(backoff.maxMs, backoff.initialMs * 2 ** exponent);
  return Math.min(backoff.maxMs, delayMs * (1 + backoff.jitter * (2 * random() - 1)));
}
