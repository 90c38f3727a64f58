/**
 * Runs a check of the server at a regular interval, at each reconnect and whenever something is suspected (`now`). One
 * check runs at a time, and a suspicion during a check causes one more. The result of a check is ignored if the
 * connection has changed since it began.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { NatsLink } from './link.ts';

export interface RegularLookOptions {
  readonly link: Pick<NatsLink, 'connected' | 'onDown' | 'onUp'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyMs: number;
  /** Names the subject of the check in the log. */
  readonly what: string;
  /**
   * The check. It rejects if it could not be completed. `isCurrent` is false once the connection it began with is gone.
   */
  readonly look: (isCurrent: () => boolean) => Promise<void>;
}

/** A failed check is repeated after this time. */
const retryMs = 500;

export class RegularLook {
  readonly #options: RegularLookOptions;
  readonly #stopListening: readonly (() => void)[];
  #isStarted = false;
  #isLooking = false;
  #lookAgain = false;
  #isClosed = false;
  #connections = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(options: RegularLookOptions) {
    this.#options = options;
    this.#stopListening = [
      options.link.onDown(() => {
        this.#connections += 1;
        this.#isLooking = false;
        this.#cancelTimer();
      }),
      options.link.onUp(() => this.now()),
    ];
  }

  /** Starts the interval. The caller has already made the first check. */
  start(): void {
    this.#isStarted = true;
    this.#schedule(this.#options.everyMs);
  }

  now(): void {
    if (this.#isClosed || !this.#isStarted) return;
    if (this.#isLooking) {
      this.#lookAgain = true;
      return;
    }
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    for (const stop of this.#stopListening) stop();
  }

  async #look(): Promise<void> {
    const { link, log, what, look, everyMs } = this.#options;
    this.#cancelTimer();
    this.#isLooking = true;
    const connection = this.#connections;
    const isCurrent = (): boolean => connection === this.#connections && !this.#isClosed;
    let nextMs = everyMs;
    try {
      if (link.connected) await look(isCurrent);
    } catch (error) {
      log.warn({ err: error }, `${what} could not be verified`);
      nextMs = retryMs;
    }
    if (!isCurrent()) return;
    this.#isLooking = false;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      nextMs = Math.min(nextMs, retryMs);
    }
    this.#schedule(nextMs);
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.setTimer(delayMs, () => void this.#look());
  }
}
