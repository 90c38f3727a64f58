/**
 * What the publishes of this process to one stream were confirmed as: enough of it to find out whether the stream has lost
 * its end, whatever others have published since. A power cut takes all messages behind some place, and what comes later
 * gets those places anew. So the last message that was confirmed before is gone exactly if another one lies in its place.
 *
 * A server that has lost its power is away for a moment, and nothing is confirmed meanwhile. So the last place before each
 * pause is enough: that of the newest look, in case the loss came after it, and all since.
 *
 * In memory are at most `marksMax` such places, each with the headers of one batch. Past it the stream counts as one that
 * may have lost something: for several seconds no look has come through, while publishes have.
 */
import type { Clock } from '../../application/ports/runtime.ts';

/** `isMine` tells the ids of the messages that were confirmed with it: of a batch one is at the place, nobody says which. */
export interface ConfirmedPlace {
  readonly place: number;
  readonly isMine: (messageId: string) => boolean;
}

interface Mark {
  last: ConfirmedPlace;
  /** Monotonic. */
  confirmedAtMs: number;
}

/** No server that was killed answers again within this. */
const pauseMs = 250;
export const marksMax = 64;

export class ConfirmedPlaces {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Each is followed by a pause, but the newest. */
  #marks: Mark[] = [];
  #isInDoubt = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The stream counts back, or more was confirmed than can be looked up. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Of the last message; 0: none. */
  get last(): number {
    return this.#marks.at(-1)?.last.place ?? 0;
  }

  /** Confirmations come in order: a stream whose places count back has lost some. */
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

  /** What a look has to find; `found` once all of it is there. */
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

  /** What was lost is told again, and confirmed anew. */
  forget(): void {
    this.#marks = [];
    this.#isInDoubt = false;
  }
}
