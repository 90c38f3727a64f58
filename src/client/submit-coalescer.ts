/**
 * Combines the submits of one turn of the event loop into one SubmitJobs call, because a call costs far more than one
 * of its jobs. A submit waits at most until the end of the turn. The order is kept, and each submit gets its own
 * outcome.
 */
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { incompleteAnswer } from './client-error.ts';

/** The outcome of one request of a batch. */
export type ItemOutcome<T> = { readonly ok: T } | { readonly error: unknown };

/** Sends requests as one call. Resolves to one outcome per request, in order. Rejects if the call as a whole failed. */
export type SendBatch<T> = (requests: readonly Init<wire.SubmitJobRequest>[]) => Promise<readonly ItemOutcome<T>[]>;

interface Waiting<T> {
  readonly request: Init<wire.SubmitJobRequest>;
  readonly bytes: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Limits of one call. */
export interface CoalescerLimits {
  readonly maxJobs: number;
  readonly maxBytes: number;
}

export function createSubmitCoalescer<T>(
  send: SendBatch<T>,
  limits: CoalescerLimits,
): (request: Init<wire.SubmitJobRequest>) => Promise<T> {
  let waiting: Waiting<T>[] = [];

  function flush(): void {
    const all = waiting;
    waiting = [];
    for (const batch of chunks(all, limits, (item) => item.bytes)) void deliver(batch);
  }

  async function deliver(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      const outcomes = await send(batch.map((item) => item.request));
      batch.forEach((item, index) => {
        const outcome = outcomes[index];
        if (outcome && 'ok' in outcome) item.resolve(outcome.ok);
        else item.reject(outcome?.error ?? incompleteAnswer('the gateway answered with fewer outcomes than requests'));
      });
    } catch (error) {
      for (const item of batch) item.reject(error);
    }
  }

  return (request) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ request, bytes: requestBytes(request), resolve, reject });
    });
}

/** Splits the items into consecutive chunks within the limits. An item above the limits gets a chunk of its own. */
export function chunks<I>(items: readonly I[], limits: CoalescerLimits, bytesOf: (item: I) => number): I[][] {
  const all: I[][] = [];
  let chunk: I[] = [];
  let bytes = 0;
  for (const item of items) {
    const itemBytes = bytesOf(item);
    if (chunk.length > 0 && (chunk.length === limits.maxJobs || bytes + itemBytes > limits.maxBytes)) {
      all.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += itemBytes;
  }
  if (chunk.length > 0) all.push(chunk);
  return all;
}

/** An upper bound of the request's size on the wire: three bytes per UTF-16 unit, and an envelope. */
export function requestBytes(request: Init<wire.SubmitJobRequest>): number {
  const input = request.job?.input;
  return 512 + (input?.json?.length ?? 0) * 3 + (input?.data?.byteLength ?? 0);
}
