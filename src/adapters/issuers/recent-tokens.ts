/**
 * What was found out about tokens a moment ago, by their digests: a signature costs more than all else that a submit costs
 * the gateway. Bounded; the oldest leave first.
 */
import type { Clock } from '../../application/ports/runtime.ts';

const tokensMax = 10_000;

export class RecentTokens<Finding> {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #keptMs: number;
  readonly #known = new Map<string, { readonly finding: Finding; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, keptMs: number) {
    this.#clock = clock;
    this.#keptMs = keptMs;
  }

  get(digest: string): Finding | undefined {
    const entry = this.#known.get(digest);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonicMs() < entry.untilMs) return entry.finding;
    this.#known.delete(digest);
    return undefined;
  }

  put(digest: string, finding: Finding): void {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= tokensMax) this.#known.delete(oldest);
    // A new entry is the newest, also for a token that was known before.
    this.#known.delete(digest);
    this.#known.set(digest, { finding, untilMs: this.#clock.monotonicMs() + this.#keptMs });
  }
}
