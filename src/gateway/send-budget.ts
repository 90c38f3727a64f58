/**
 * Limits the bytes held for clients to read: answers and stream chunks until they have left, and what a download has
 * read ahead. Above the limit, new work is refused and work in progress continues. Tenants share the room, so that slow
 * readers of one of them do not keep the answers of the others back.
 */
import { TroupeError } from '../domain/errors.ts';
import { gauges } from '../domain/measures.ts';
import { lackOf, SharedRoom } from '../domain/shared-room.ts';
import type { Telemetry } from '../application/ports/runtime.ts';

export interface SendBudget {
  /** Throws OVERLOADED if the tenant holds its part of this share, or all tenants together the whole of it. Default: of all. */
  ensureRoom(tenant: string, share?: number): void;
  /** Counts bytes until the returned function is called. Further calls of it do nothing. */
  hold(tenant: string, bytes: number): () => void;
  readonly heldBytes: () => number;
}

/** A reader that is not slow has read everything after this time. */
const retryAfterMs = 500;

export function createSendBudget(maxBytes: number, telemetry: Telemetry): SendBudget {
  const gauge = telemetry.gauge({
    ...gauges.gatewaySendBytes,
    help: 'Bytes held for clients that have not read them yet.',
  });
  const room = new SharedRoom(maxBytes);
  gauge.set(0);

  return {
    ensureRoom(tenant, share = 1) {
      const inUse = { own: room.usedBy(tenant), used: room.used, max: maxBytes * share };
      if (lackOf(inUse, 1) === 0) return;
      throw new TroupeError('OVERLOADED', {
        message: 'too many answers are being loaded, or wait for clients that read slowly',
        metadata: { limit: String(maxBytes) },
        retryAfterMs,
      });
    },
    hold(tenant, bytes) {
      room.take(tenant, bytes);
      gauge.set(room.used);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        room.release(tenant, bytes);
        gauge.set(room.used);
      };
    },
    heldBytes: () => room.used,
  };
}
