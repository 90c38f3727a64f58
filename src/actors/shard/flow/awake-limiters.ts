/**
 * The limiters of a shard about which something may have to be done at a tick. The others are at rest: until something
 * happens to one of their jobs, or to their rule, a look at them would change nothing. So a tick costs nothing for a
 * queue that is paused, or whose jobs all run or wait for a date, and a shard may have very many of those.
 *
 * If nodes came or went, or memory has become tight, all have a look. A few of those at rest have one at each tick as
 * well, because the more memory is in use, the fewer jobs a line keeps warm.
 */
import { InRounds } from '../../../domain/in-rounds.ts';
import type { QueueLimiter } from './queue-limiter.ts';

/** Limiters that have their look in one message. It takes a few ms. */
const looksMax = 250;
/** Each limiter at rest has a look once in so many ticks. */
const restTicks = 16;

export interface AwakeLimitersParts {
  readonly all: ReadonlyMap<unknown, QueueLimiter>;
  /** Has another value when nodes came or went. */
  readonly fleetState: () => unknown;
  readonly isTight: () => boolean;
}

export class AwakeLimiters implements Iterable<QueueLimiter> {
  readonly #parts: AwakeLimitersParts;
  readonly #awake = new Set<QueueLimiter>();
  /** Those that have had no look since the last tick. */
  readonly #due = new Set<QueueLimiter>();
  readonly #inRounds: InRounds<readonly [unknown, QueueLimiter]>;
  #seen: { readonly fleet: unknown; readonly isTight: boolean } | undefined;

  constructor(parts: AwakeLimitersParts) {
    this.#parts = parts;
    this.#inRounds = new InRounds(parts.all);
  }

  /** All that may have a WORK message out, a limit with a home, or a job that its key holds back. */
  [Symbol.iterator](): Iterator<QueueLimiter> {
    return this.#awake.values();
  }

  wake(limiter: QueueLimiter): void {
    this.#awake.add(limiter);
  }

  /** A look at the limiter would change nothing any more. */
  rests(limiter: QueueLimiter): void {
    this.#awake.delete(limiter);
  }

  tick(): void {
    const seen = { fleet: this.#parts.fleetState(), isTight: this.#parts.isTight() };
    const mayAllChange = seen.fleet !== this.#seen?.fleet || (seen.isTight && this.#seen?.isTight !== true);
    this.#seen = seen;
    const { size } = this.#parts.all;
    for (const [, limiter] of this.#inRounds.next(mayAllChange ? size : Math.ceil(size / restTicks)))
      this.#due.add(limiter);
    for (const limiter of this.#awake) this.#due.add(limiter);
  }

  /** Those that have their look now. They are due no more. */
  *looks(): Generator<QueueLimiter, void> {
    let left = looksMax;
    for (const limiter of this.#due) {
      if (left === 0) return;
      left -= 1;
      this.#due.delete(limiter);
      yield limiter;
    }
  }

  get areDue(): boolean {
    return this.#due.size > 0;
  }
}
