/** Signals of callers, who may give up before a call, while it connects, and during it. */
import { cancelledBy } from './client-error.ts';

/** Throws CALL_CANCELLED: nothing was done. */
export function ensureWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelledBy(signal);
}

/** Calls it at once where the signal is aborted already; the answer ends the listening. */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal?.aborted === true) run();
  signal?.addEventListener('abort', run, { once: true });
  return () => signal?.removeEventListener('abort', run);
}
