/**
 * Bytes that this process holds for clients to read: answers and pieces of streams until they have left, and what a download
 * has read ahead. Past the limit whoever wants more is sent away; what is under way goes on.
 */
import { TroupeError } from '../domain/errors.ts';
import { gauges } from '../domain/measures.ts';
import type { Telemetry } from '../application/ports/runtime.ts';

export interface SendBudget {
  /** Throws OVERLOADED where this share of it is held (default: all): nothing more may be sent now. */
  ensureRoom(share?: number): void;
  /** Counts so many bytes until the answer is called; a second time does nothing. */
  hold(bytes: number): () => void;
  readonly heldBytes: () => number;
}

/** A reader that is not slow has taken what it was sent by then. */
const retryAfterMs = 500;

export function createSendBudget(maxBytes: number, telemetry: Telemetry): SendBudget {
  const gauge = telemetry.gauge({
    ...gauges.gatewaySendBytes,
    help: 'Bytes held for clients that have not read them yet.',
  });
  let held = 0;
  gauge.set(0);

  function add(bytes: number): void {
    held += bytes;
    gauge.set(held);
  }

  return {
    ensureRoom(share = 1) {
      if (held < maxBytes * share) return;
      throw new TroupeError('OVERLOADED', {
        message: 'too much is held for clients that read slowly',
        metadata: { limit: String(maxBytes) },
        retryAfterMs,
      });
    },
    hold(bytes) {
      add(bytes);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        add(-bytes);
      };
    },
    heldBytes: () => held,
  };
}
