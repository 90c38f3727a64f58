/** How long a caller waits for what happens in its own process, such as the work of a codec. */
import { status as grpc } from '@grpc/grpc-js';
import { ensureWanted, onAbort } from './abort.ts';
import { cancelledBy, type ClientErrorFacts, TroupeClientError } from './client-error.ts';
import { deadlineAfter } from './deadline.ts';

/** Like `CallSettings`, with the default filled in. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Epoch ms. When the wait ends, of which this is a part. Default: `timeoutMs` from now. */
  readonly untilMs?: number | undefined;
}

/**
 * Settles as `work` does. Rejects with CALL_DEADLINE_EXCEEDED or CALL_CANCELLED, with this outcome, when the caller does not
 * wait any longer. The work goes on, since nobody can end it, and what becomes of it is not looked at.
 */
export async function whileWaitedFor<T>(
  work: Promise<T>,
  { timeoutMs, signal, untilMs, outcome }: Patience & Pick<ClientErrorFacts, 'outcome'>,
): Promise<T> {
  work.catch(() => undefined);
  const waitMs = (untilMs ?? deadlineAfter(timeoutMs)) - Date.now();
  let timer: NodeJS.Timeout | undefined;
  let stopListening = (): void => undefined;
  const waited = new Promise<never>((_, reject) => {
    const late = (): void => {
      reject(tooLate(timeoutMs, outcome));
    };
    timer = setTimeout(late, waitMs);
    stopListening = onAbort(signal, () => {
      reject(cancelledBy(signal, outcome));
    });
  });
  try {
    ensureWanted(signal);
    return await Promise.race([work, waited]);
  } finally {
    clearTimeout(timer);
    stopListening();
    waited.catch(() => undefined);
  }
}

/** The codec has not answered in time. */
export function tooLate(timeoutMs: number, outcome: ClientErrorFacts['outcome']): TroupeClientError {
  return new TroupeClientError({
    code: 'CALL_DEADLINE_EXCEEDED',
    message: `the codec did not answer within ${timeoutMs} ms`,
    status: grpc[grpc.DEADLINE_EXCEEDED],
    retryable: true,
    outcome,
  });
}
