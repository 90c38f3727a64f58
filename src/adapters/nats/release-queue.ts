/**
 * Releases messages after a delay. They wait here and are released with a plain NAK. JetStream's own delayed NAK
 * re-arms the consumer's only timer each time, so a steady stream of them (observed at 400/s on 2.15.2) stops every
 * redelivery.
 *
 * The queue is bounded. A message that does not fit, or is lost with this process, is delivered again after its ack
 * wait.
 */
import type { Clock } from '../../application/ports/runtime.ts';

const maxHeld = 10_000;
/** After this share of the ack wait, our NAK could hit the next delivery of the message and not this one. */
const ackWaitShare = 0.8;

export class ReleaseQueue {
  readonly #clock: Clock;
  readonly #ackWaitMs: number;
  readonly #send: (ackTo: string) => void;
  readonly #held = new Map<string, () => void>();

  constructor(clock: Clock, ackWaitMs: number, send: (ackTo: string) => void) {
    this.#clock = clock;
    this.#ackWaitMs = ackWaitMs;
    this.#send = send;
  }

  after(delayMs: number, ackTo: string): void {
    if (delayMs >= this.#ackWaitMs * ackWaitShare || this.#held.size >= maxHeld || this.#held.has(ackTo)) return;
    const cancel = this.#clock.setTimer(delayMs, () => {
      this.#held.delete(ackTo);
      this.#send(ackTo);
    });
    this.#held.set(ackTo, cancel);
  }

  /** Releases everything now, so that other nodes can have it. */
  close(): void {
    for (const [ackTo, cancel] of this.#held) {
      cancel();
      this.#send(ackTo);
    }
    this.#held.clear();
  }
}
