/** Says why tokens are refused: once a second for each reason, since anybody can send bad tokens at any rate. */
import type { Clock, Logger } from '../../application/ports/runtime.ts';

const quietMs = 1_000;
/** There are some dozen reasons. This bounds what a surprise could add. */
const reasonsMax = 100;

export class RefusalLog {
  readonly #parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Pick<Logger, 'info'> };
  /** By reason: when it was said last, and the refusals since. */
  readonly #said = new Map<string, { readonly atMs: number; unsaid: number }>();

  constructor(parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Pick<Logger, 'info'> }) {
    this.#parts = parts;
  }

  say(reason: string): void {
    const { clock, log } = this.#parts;
    const atMs = clock.monotonicMs();
    const last = this.#said.get(reason);
    if (last !== undefined && atMs - last.atMs < quietMs) {
      last.unsaid += 1;
      return;
    }
    if (this.#said.size >= reasonsMax) this.#said.clear();
    this.#said.set(reason, { atMs, unsaid: 0 });
    log.info({ event: 'token.refused', reason, more: last?.unsaid ?? 0 }, 'a token was refused');
  }
}
