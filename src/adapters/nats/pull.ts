/**
 * One pull: what it still wants, what came, and when it is over. It owns its timers; the work source routes to it.
 *
 * Modes: `oneShot` (take what is there at once, else wait for the first messages) is the first request; `longPoll` (one
 * message, wait) follows when the server declined the one-shot early. Ends: batch full, server says it is over, linger
 * after the first message, time over, abort, lost link.
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

/** After the first message the rest of a batch follows at once; if the server does not say that it is over, go on. */
const lingerMs = 20;
const heartbeatMs = 1_500;
const missedHeartbeats = 2.5;
/** The server's own end of a request comes first; this is for when it does not come. */
const graceMs = 1_000;
const againDelayMs = 50;
const againDelayMaxMs = 1_000;
/** An end with more than this left came early. */
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

  /** Sends the first request, or one more for the time that is left. */
  request(): void {
    const { batch, expiresMs } = this.input;
    const leftMs = Math.floor(this.#leftMs());
    const body: Record<string, unknown> = this.#requests === 0 ? { batch, no_wait: true } : { batch: 1 };
    if (expiresMs > 0) body['expires'] = Math.max(leftMs, 1) * 1e6;
    if (leftMs >= 2 * heartbeatMs) body['idle_heartbeat'] = heartbeatMs * 1e6;
    this.#requests += 1;
    this.#heardMs = this.#clock.monotonicMs();
    this.#watch();
    this.#hooks.request(this, JSON.stringify(body));
  }

  /** One sign of life that is not a message. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
  }

  take(delivery: WorkDelivery): void {
    this.#got.push(delivery);
    if (this.#got.length >= this.input.batch) this.finish();
    else if (this.#got.length === 1) this.#setTimer(lingerMs, () => this.finish());
  }

  /** The server ended the request: over, unless nothing came and there is time for another one. */
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

  /** With messages in hand it is a success all the same. */
  fail(error: TroupeError): void {
    if (this.#got.length > 0) this.finish();
    else if (this.#close()) this.#settle.reject(error);
  }

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

  /** Fires when the time is over or the server has gone silent; a silent server gets one more request. */
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
