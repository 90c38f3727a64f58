/**
 * Answers that all who ask share: whoever asks while an answer is made, or while it is fresh, gets the same one. So a page
 * costs the same however many look at it. Failures are not kept.
 */
import type { Clock } from '../ports/runtime.ts';

/** Answers that are kept. The oldest leaves first. */
const answersMax = 1_000;

interface Answer<T> {
  readonly askedMs: number;
  readonly result: Promise<T>;
  isMade: boolean;
}

export class SharedAnswers<T> {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #maxAgeMs: number;
  readonly #answers = new Map<string, Answer<T>>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, maxAgeMs: number) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  read(key: string, make: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#answers.get(key);
    if (known !== undefined && (!known.isMade || nowMs - known.askedMs < this.#maxAgeMs)) return known.result;
    const answer: Answer<T> = { askedMs: nowMs, result: make(), isMade: false };
    const keep = (): void => void (answer.isMade = true);
    const forget = (): void => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
    };
    answer.result.then(keep, forget);
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > answersMax && oldest !== undefined) this.#answers.delete(oldest);
    return answer.result;
  }
}
