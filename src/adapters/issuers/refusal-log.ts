/** Says why tokens are refused: once a second for each reason, since anybody can send bad tokens at any rate. */
import type { Clock, Logger } from '../../application/ports/runtime.ts';

const quietMs = 1_000;
/** There are some dozen reasons. Of what a surprise could add, no more are told apart. */
const reasonsMax = 100;
const further = 'one of many others';

export class RefusalLog {
  readonly #parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Pick<Logger, 'info'> };
  /** By reason: when it was said last, and the refusals since. */
  readonly #said = new Map<string, { readonly atMs: number; unsaid: number }>();

  constructor(parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Pick<Logger, 'info'> }) {
    this.#parts = parts;
  }

  say(given: string): void {
    const { clock, log } = this.#parts;
    const atMs = clock.monotonicMs();
    const reason = this.#hasRoomFor(given, atMs) ? given : further;
    const last = this.#said.get(reason);
    if (last !== undefined && atMs - last.atMs < quietMs) {
      last.unsaid += 1;
      return;
    }
    this.#said.set(reason, { atMs, unsaid: 0 });
    log.info({ event: 'token.refused', reason, more: last?.unsaid ?? 0 }, 'a token was refused');
  }

  /** Forgets what was said long enough ago, if it must. */
  #hasRoomFor(reason: string, atMs: number): boolean {
    if (this.#said.has(reason) || this.#said.size < reasonsMax) return true;
    for (const [one, last] of this.#said) {
      if (one !== further && atMs - last.atMs >= quietMs) this.#said.delete(one);
    }
    return this.#said.size < reasonsMax;
  }
}
