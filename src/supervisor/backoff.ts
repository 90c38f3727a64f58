/** How long a child that fails again and again stays down before its next life. Pure: chance is an argument. */
import type { Random } from '../application/ports/runtime.ts';

/** Pauses between restarts, each longer than the one before. */
export interface Backoff {
  /** The first pause in ms. */
  readonly initialMs: number;
  /** Upper bound, jitter included. */
  readonly maxMs: number;
  /** 0.2 = up to 20 % more or less, so that what failed together does not come back together. */
  readonly jitter: number;
}

/** `failures` counts this one: the first waits `initialMs`, each further one twice as long. */
export function backoffDelayMs(backoff: Backoff, failures: number, random: Random): number {
  const exponent = Math.min(failures - 1, 30);
  const delayMs = Math.min(backoff.maxMs, backoff.initialMs * 2 ** exponent);
  return Math.min(backoff.maxMs, delayMs * (1 + backoff.jitter * (2 * random() - 1)));
}
