/**
 * Which attempts are among the slowest thousandth of their handler, as far as the last minutes tell. Bounded: handlers
 * beyond the first share one place.
 */
import { DurationHistogram, quantileMs } from '../../domain/duration-histogram.ts';

const handlersMax = 200;
const slowest = 0.999;
/** Fewer attempts do not tell what the slowest thousandth is. */
const knownFrom = 1_000;
/** The limit of a handler is as old at most. */
const limitMaxAgeMs = 1_000;

interface Known {
  readonly durations: DurationHistogram;
  seen: number;
  limitMs: number;
  limitAtMs: number;
}

export class SlowRuns {
  readonly #handlers = new Map<string, Known>();

  /** Takes an attempt into account. Returns whether it is a slow one. */
  isSlow(handler: string, durationMs: number, nowMs: number): boolean {
    const known = this.#knownOf(handler);
    if (known.seen >= knownFrom && nowMs - known.limitAtMs >= limitMaxAgeMs) {
      known.limitMs = quantileMs(known.durations.weights(nowMs), slowest) ?? Infinity;
      known.limitAtMs = nowMs;
    }
    const isSlow = durationMs > known.limitMs;
    known.durations.observe(durationMs, nowMs);
    known.seen += 1;
    return isSlow;
  }

  #knownOf(handler: string): Known {
    const name = this.#handlers.has(handler) || this.#handlers.size < handlersMax ? handler : '';
    let known = this.#handlers.get(name);
    if (known === undefined) {
      known = { durations: new DurationHistogram(), seen: 0, limitMs: Infinity, limitAtMs: -Infinity };
      this.#handlers.set(name, known);
    }
    return known;
  }
}
