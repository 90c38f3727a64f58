/**
 * Which attempts are kept of traces that are not sampled: `perSecond` in all, whatever happens. Up to half of the room is
 * held back from a tenant, the more, the more of it that tenant has taken of late. So a tenant whose jobs all fail gets
 * what nobody else needs, and a failure of another tenant finds room. It remembers who took something in the last two
 * seconds, which are few.
 */
import { TokenBucket } from '../../domain/token-bucket.ts';

const windowMs = 1_000;

export class KeptAttempts {
  readonly #perSecond: number;
  readonly #room: TokenBucket;
  #sinceMs: number;
  #window = newWindow();
  #windowBefore = newWindow();

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#room = new TokenBucket(perSecond, nowMs);
    this.#sinceMs = nowMs;
  }

  take(tenant: string, nowMs: number): boolean {
    this.#move(nowMs);
    const left = this.#perSecond - this.#room.used(nowMs);
    const heldBack = (this.#shareOf(tenant) * this.#perSecond) / 2;
    if (left < 1 + heldBack || !this.#room.take(nowMs)) return false;
    const { taken } = this.#window;
    taken.set(tenant, (taken.get(tenant) ?? 0) + 1);
    this.#window.total += 1;
    return true;
  }

  /** 0 to 1. */
  #shareOf(tenant: string): number {
    const [now, before] = [this.#window, this.#windowBefore];
    const own = (now.taken.get(tenant) ?? 0) + (before.taken.get(tenant) ?? 0);
    return own === 0 ? 0 : own / (now.total + before.total);
  }

  #move(nowMs: number): void {
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs < windowMs) return;
    this.#windowBefore = passedMs < 2 * windowMs ? this.#window : newWindow();
    this.#window = newWindow();
    this.#sinceMs = nowMs;
  }
}

/** What was taken, by tenant. */
function newWindow(): { readonly taken: Map<string, number>; total: number } {
  return { taken: new Map(), total: 0 };
}
