/** Helpers for the caller's AbortSignal. A caller may abort before a call, while it connects, or during it. */
import { cancelledBy } from './client-error.ts';

/** Throws CALL_CANCELLED if the signal is aborted. Nothing has been sent at this point. */
export function ensureWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelledBy(signal);
}

/** Calls `run` when the signal is aborted, at once if it already is. Returns a function that removes the listener. */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal?.aborted === true) run();
  signal?.addEventListener('abort', run, { once: true });
  return () => signal?.removeEventListener('abort', run);
}
