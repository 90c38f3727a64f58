/**
 * Limits what is held for callers of whom it is not known yet who they are. Their requests are complete, so the budget of
 * unfinished ones no longer counts them, and admission does not count them yet. An issuer that is slow to say its keys would
 * otherwise let anybody fill the memory.
 */
import { TroupeError } from '../../domain/errors.ts';
import { pieceMaxBytes } from '../readable-requests.ts';

/** What a call costs besides its request. */
const callBytes = 2_048;
/** What gRPC reads ahead of a request in pieces. */
const readAheadBytes = 16 * pieceMaxBytes;

export class UnknownCallers {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Holds the request of a call until it is known who makes it. Rejects with OVERLOADED if there is no room. One always fits. */
  async hold<T>(request: unknown, known: Promise<T>): Promise<T> {
    const bytes = callBytes + (request === undefined ? readAheadBytes : sizeOf(request));
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      // Nobody waits for it any more.
      known.catch(() => undefined);
      const message = 'too many calls wait until the keys of their issuer are known';
      throw new TroupeError('OVERLOADED', { message, retryAfterMs: 1_000 });
    }
    this.#bytes += bytes;
    try {
      return await known;
    } finally {
      this.#bytes -= bytes;
    }
  }
}

/** About what a decoded request takes. Only a call that waits is measured, since the walk takes time. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 8;
  let bytes = 16;
  for (const [name, member] of Object.entries(value)) bytes += name.length + sizeOf(member);
  return bytes;
}
