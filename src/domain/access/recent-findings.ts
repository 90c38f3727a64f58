/**
 * What was found out about credentials a moment ago, by their digests: to check one costs more than all else that a submit
 * costs the gateway. Bounded; the oldest leave first.
 */

const findingsMax = 10_000;

export class RecentFindings<Finding> {
  readonly #monotonicMs: () => number;
  readonly #keptMs: number;
  readonly #known = new Map<string, { readonly finding: Finding; readonly untilMs: number }>();

  constructor(monotonicMs: () => number, keptMs: number) {
    this.#monotonicMs = monotonicMs;
    this.#keptMs = keptMs;
  }

  get(digest: string): Finding | undefined {
    const entry = this.#known.get(digest);
    if (entry === undefined) return undefined;
    if (this.#monotonicMs() < entry.untilMs) return entry.finding;
    this.#known.delete(digest);
    return undefined;
  }

  /** `sinceMs`: when it was begun to find out, by the monotonic clock. What changed after that may not be in it. */
  put(digest: string, finding: Finding, sinceMs: number): void {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= findingsMax) this.#known.delete(oldest);
    // A new entry is the newest, also for a credential that was known before.
    this.#known.delete(digest);
    this.#known.set(digest, { finding, untilMs: sinceMs + this.#keptMs });
  }
}
