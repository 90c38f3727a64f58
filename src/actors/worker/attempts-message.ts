/** What the `runs` actor of a node is told. */
import type { WorkDelivery } from '../../application/ports/bus.ts';
import type { RunEvent } from '../../application/ports/run-pool.ts';

export type AttemptsMessage =
  | { readonly kind: 'deliver'; readonly deliveries: readonly WorkDelivery[] }
  | RunEvent
  | { readonly kind: 'stop-run'; readonly runId: string; readonly why: 'cancel' | 'stale' }
  | { readonly kind: 'report'; readonly runId: string }
  | { readonly kind: 'continue'; readonly run: () => void }
  | { readonly kind: 'beat' }
  | { readonly kind: 'stop-all' }
  /** Nothing begins any more. Calls back once no run is left. */
  | { readonly kind: 'drain'; readonly done: () => void };
