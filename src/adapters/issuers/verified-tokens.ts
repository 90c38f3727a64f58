/**
 * The principals of tokens that were verified a moment ago, by the digests of the tokens: a signature costs more than all
 * else that a submit costs the gateway. Bounded; the oldest leave first.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { Principal } from '../../domain/access/principal.ts';

const tokensMax = 10_000;
/** What changes at the issuer, such as a key that it withdraws, counts after this time. */
const keptMs = 60_000;

export class VerifiedTokens {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'>;
  readonly #known = new Map<string, { readonly principal: Principal; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs' | 'wallMs'>) {
    this.#clock = clock;
  }

  get(digest: string): Principal | undefined {
    const entry = this.#known.get(digest);
    if (entry === undefined) return undefined;
    const { principal, untilMs } = entry;
    const isOver = this.#clock.monotonicMs() >= untilMs || this.#clock.wallMs() >= (principal.expiresAtMs ?? Infinity);
    if (!isOver) return principal;
    this.#known.delete(digest);
    return undefined;
  }

  put(digest: string, principal: Principal): void {
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= tokensMax) this.#known.delete(oldest);
    // A new entry is the newest, also for a token that was known before.
    this.#known.delete(digest);
    this.#known.set(digest, { principal, untilMs: this.#clock.monotonicMs() + keptMs });
  }
}
