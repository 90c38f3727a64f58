/**
 * Limits the bytes held for clients to read: answers and stream chunks until they have left, and what a download has
 * read ahead. Above the limit, new work is refused and work in progress continues.
 */
import { TroupeError } from '../domain/errors.ts';
import { gauges } from '../domain/measures.ts';
import type { Telemetry } from '../application/ports/runtime.ts';

export interface SendBudget {
  /** Throws OVERLOADED if more than this share is in use. Default: the whole budget. */
  ensureRoom(share?: number): void;
  /** Counts bytes until the returned function is called. Further calls of it do nothing. */
  hold(bytes: number): () => void;
  readonly heldBytes: () => number;
}

/** A reader that is not slow has read everything after this time. */
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
        message: 'too many answers are being loaded, or wait for clients that read slowly',
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
