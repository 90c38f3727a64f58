/**
 * The checkpoints of one run on their way to the shard: one at a time, and of those that wait only the newest. One that
 * found no answer is tried again while the run lives, once more when it has ended; then it is given up, as it may be: its
 * handler was not told that it is durable.
 */
import type { RunPayload } from '../../domain/attempt-outcome.ts';
import type { CheckpointResult } from '../../application/protocol/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';

export interface OfferedCheckpoint {
  readonly number: number;
  readonly payload: RunPayload;
}

export interface CheckpointSaverOptions {
  /** Durable when it resolves with `recorded`. */
  readonly save: (checkpoint: OfferedCheckpoint) => Promise<CheckpointResult>;
  /** Called once for each that was not overtaken. */
  readonly settled: (number: number, saved: boolean) => void;
  readonly then: <T>(promise: Promise<T>, act: (outcome: PromiseSettledResult<T>) => void) => void;
  readonly later: (delayMs: number, act: () => void) => void;
}

const retryMs = { first: 100, most: 2_000 } as const;

export class CheckpointSaver {
  readonly #options: CheckpointSaverOptions;
  #waiting: OfferedCheckpoint | undefined;
  #busy = false;
  #tries = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: CheckpointSaverOptions) {
    this.#options = options;
  }

  offer(checkpoint: OfferedCheckpoint): void {
    this.#waiting = checkpoint;
    this.#next();
  }

  /** No more will be offered. Calls back when nothing is on its way any more. */
  end(onIdle: () => void): void {
    this.#onIdle = onIdle;
    this.#next();
  }

  #next(): void {
    if (this.#busy) return;
    const checkpoint = this.#waiting;
    if (checkpoint === undefined) {
      this.#onIdle?.();
      this.#onIdle = undefined;
      return;
    }
    this.#waiting = undefined;
    this.#busy = true;
    this.#options.then(this.#options.save(checkpoint), (outcome) => {
      if (outcome.status === 'fulfilled') this.#settle(checkpoint, outcome.value.kind === 'recorded');
      else this.#failed(checkpoint, TroupeError.from(outcome.reason));
    });
  }

  #failed(checkpoint: OfferedCheckpoint, error: TroupeError): void {
    if (!error.retryable || this.#onIdle !== undefined) {
      this.#settle(checkpoint, false);
      return;
    }
    this.#tries += 1;
    this.#options.later(Math.min(retryMs.most, retryMs.first * 2 ** Math.min(this.#tries, 10)), () => {
      this.#waiting ??= checkpoint;
      this.#busy = false;
      this.#next();
    });
  }

  #settle({ number }: OfferedCheckpoint, saved: boolean): void {
    this.#tries = 0;
    this.#busy = false;
    this.#options.settled(number, saved);
    this.#next();
  }
}
