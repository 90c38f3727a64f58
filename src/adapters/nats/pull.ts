/**
 * One pull: what it still needs, what has arrived, and when it ends. It owns its timers. The work source routes
 * messages to it.
 *
 * Modes:
 * - one-shot (take what is there at once, otherwise wait for the first messages) is the first request.
 * - long poll (wait for one message) follows if the server ended the one-shot request early.
 *
 * A pull ends when the batch is full, the server ends it, `lingerMs` have passed since the first message, its time is
 * over, it is aborted, or the connection is lost.
 */
import type { WorkRoute, WorkDelivery } from '../../application/ports/bus.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { TroupeError } from '../../domain/errors.ts';

export interface PullInput {
  readonly route: WorkRoute;
  readonly batch: number;
  readonly expiresMs: number;
  readonly signal: AbortSignal;
}

export interface PullHooks {
  /** Sends a request to the server. */
  request(pull: Pull, body: string): void;
  release(ackTo: string): void;
  over(pull: Pull): void;
}

export interface PullSettle {
  readonly resolve: (deliveries: readonly WorkDelivery[]) => void;
  readonly reject: (error: TroupeError) => void;
}

/**
 * The rest of a batch follows the first message at once. If the server does not end the request, the pull ends after
 * this time.
 */
const lingerMs = 20;
const heartbeatMs = 1_500;
const missedHeartbeats = 2.5;
/** How long to wait beyond `expiresMs`. The server normally ends the request itself, earlier than this. */
const graceMs = 1_000;
const againDelayMs = 50;
const againDelayMaxMs = 1_000;
/** If more time than this is left, the server ended the request early. */
const earlyMs = 100;

export class Pull {
  readonly id: number;
  readonly key: string;
  readonly input: PullInput;
  readonly #hooks: PullHooks;
  readonly #clock: Clock;
  readonly #settle: PullSettle;
  readonly #endMs: number;
  readonly #got: WorkDelivery[] = [];
  readonly #onAbort = (): void => this.abort();
  #over = false;
  #requests = 0;
  #heardMs: number;
  #cancelTimer: () => void = () => undefined;

  constructor(
    identity: { readonly id: number; readonly key: string; readonly input: PullInput },
    hooks: PullHooks,
    clock: Clock,
    settle: PullSettle,
  ) {
    this.id = identity.id;
    this.key = identity.key;
    this.input = identity.input;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#settle = settle;
    this.#heardMs = clock.monotonicMs();
    this.#endMs = this.#heardMs + identity.input.expiresMs;
    identity.input.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Sends the first request, or another one for the remaining time. Times in the request are in ns. */
  request(): void {
    const { batch, expiresMs } = this.input;
    const leftMs = Math.floor(this.#leftMs());
    // With `no_wait` and `expires`, the server sends what is there at once, and otherwise waits for the first messages.
    const body: Record<string, unknown> = this.#requests === 0 ? { batch, no_wait: true } : { batch: 1 };
    if (expiresMs > 0) body['expires'] = Math.max(leftMs, 1) * 1e6;
    if (leftMs >= 2 * heartbeatMs) body['idle_heartbeat'] = heartbeatMs * 1e6;
    this.#requests += 1;
    this.#heardMs = this.#clock.monotonicMs();
    this.#watch();
    this.#hooks.request(this, JSON.stringify(body));
  }

  /** Records a heartbeat of the server. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
  }

  take(delivery: WorkDelivery): void {
    this.#got.push(delivery);
    if (this.#got.length >= this.input.batch) this.finish();
    else if (this.#got.length === 1) this.#setTimer(lingerMs, () => this.finish());
  }

  /**
   * Handles that the server ended the request. The pull is over, unless nothing came and there is time for another
   * request.
   */
  ended(): void {
    if (this.#got.length > 0 || this.#leftMs() <= earlyMs) {
      this.finish();
      return;
    }
    const delayMs = this.#requests === 1 ? 0 : Math.min(againDelayMs * this.#requests, againDelayMaxMs);
    if (delayMs === 0) this.request();
    else this.#setTimer(Math.min(delayMs, this.#leftMs()), () => this.#again());
  }

  finish(): void {
    if (this.#close()) this.#settle.resolve(this.#got);
  }

  /** Ends the pull with an error. If messages have arrived, it succeeds with these instead. */
  fail(error: TroupeError): void {
    if (this.#got.length > 0) this.finish();
    else if (this.#close()) this.#settle.reject(error);
  }

  /** Ends the pull and releases the messages that have arrived, so that other nodes get them. */
  abort(): void {
    if (!this.#close()) return;
    for (const delivery of this.#got) this.#hooks.release(delivery.ackTo);
    this.#settle.resolve([]);
  }

  #again(): void {
    if (this.#leftMs() <= earlyMs) this.finish();
    else this.request();
  }

  #leftMs(): number {
    return this.#endMs - this.#clock.monotonicMs();
  }

  /** Arms the timer that fires when the time is over or the server is silent. A silent server gets another request. */
  #watch(): void {
    const nowMs = this.#clock.monotonicMs();
    const silentMs = this.#heardMs + missedHeartbeats * heartbeatMs;
    const lastMs = this.#endMs + graceMs;
    this.#setTimer(Math.max(Math.min(silentMs, lastMs) - nowMs, 1), () => {
      const firedMs = this.#clock.monotonicMs();
      if (firedMs >= lastMs) this.finish();
      else if (firedMs >= this.#heardMs + missedHeartbeats * heartbeatMs && this.#leftMs() > earlyMs) this.request();
      else this.#watch();
    });
  }

  #setTimer(delayMs: number, fire: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => {
      if (!this.#over) fire();
    });
  }

  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelTimer();
    this.input.signal.removeEventListener('abort', this.#onAbort);
    this.#hooks.over(this);
    return true;
  }
}
