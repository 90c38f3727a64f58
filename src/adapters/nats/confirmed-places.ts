/**
 * Remembers which messages one stream has confirmed to this process. This is enough to find out whether the stream has
 * lost its end, whatever other processes have published since.
 *
 * A power cut removes all messages after some position, and later messages get these positions again. So the last
 * confirmed message was lost exactly if another message is at its position.
 *
 * A server that lost its power is away for a moment, and nothing is confirmed meanwhile. It is therefore enough to
 * remember the last position before each pause, back to the pause before the latest check, in case the loss came after
 * that check.
 *
 * Invariant: at most `marksMax` positions are held, each with the headers of one batch. If there are more, checks have
 * failed for several seconds while publishes succeeded, so the stream counts as one that may have lost messages.
 */
import type { Clock } from '../../application/ports/runtime.ts';

/**
 * A confirmed position. `isMine` recognizes the ids of all messages that were confirmed together with it, because the
 * confirmation of a batch does not say which of its messages is at the position.
 */
export interface ConfirmedPlace {
  readonly place: number;
  readonly isMine: (messageId: string) => boolean;
}

interface Mark {
  last: ConfirmedPlace;
  /** Monotonic time. */
  confirmedAtMs: number;
}

/** A server that was killed needs longer than this to answer again. */
const pauseMs = 250;
export const marksMax = 64;

export class ConfirmedPlaces {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Oldest first. A pause follows each mark but the newest. */
  #marks: Mark[] = [];
  #isInDoubt = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** True if positions went backwards, or if more was confirmed than can be verified. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** The last confirmed position, 0 if there is none. */
  get last(): number {
    return this.#marks.at(-1)?.last.place ?? 0;
  }

  /**
   * Records a confirmation. Confirmations arrive in order, so a stream whose positions go backwards has lost messages.
   */
  confirmed(last: ConfirmedPlace): void {
    if (last.place < this.last) this.#isInDoubt = true;
    const confirmedAtMs = this.#clock.monotonicMs();
    const newest = this.#marks.at(-1);
    if (newest !== undefined && confirmedAtMs - newest.confirmedAtMs < pauseMs) {
      newest.last = last;
      newest.confirmedAtMs = confirmedAtMs;
      return;
    }
    this.#marks.push({ last, confirmedAtMs });
    if (this.#marks.length <= marksMax) return;
    this.#marks.shift();
    this.#isInDoubt = true;
  }

  /** The positions that a check must find. Call `found` once all of them are there. */
  toFind(): { readonly places: readonly ConfirmedPlace[]; readonly found: () => void } {
    const newest = this.#marks.at(-1);
    return {
      places: this.#marks.map(({ last }) => last),
      found: () => {
        const index = newest === undefined ? -1 : this.#marks.indexOf(newest);
        if (index > 0) this.#marks.splice(0, index);
      },
    };
  }

  /** Starts again from nothing, because what was lost is published and confirmed again. */
  forget(): void {
    this.#marks = [];
    this.#isInDoubt = false;
  }
}
