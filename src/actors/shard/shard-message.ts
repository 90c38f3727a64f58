/** What a shard actor is told: batches from outside, and its own flushes, timers and orders. */
import type { TroupeError } from '../../domain/errors.ts';

/** Items of one verb, from outside. */
export interface Batch {
  readonly kind: 'batch';
  readonly perform: () => void;
  readonly refuse: (error: TroupeError) => void;
}

export type ShardMessage =
  | Batch
  | { readonly kind: 'flush' }
  | { readonly kind: 'flush-soon' }
  | { readonly kind: 'flushed'; readonly bucket: number; readonly outcome: PromiseSettledResult<'applied' | 'deposed'> }
  | { readonly kind: 'continue'; readonly run: () => void }
  | { readonly kind: 'tick' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'flow-rules' }
  /** Graceful hand-over: stop taking, flush, publish what can be published within the grace, then stop. */
  | { readonly kind: 'hand-over'; readonly done: () => void };
