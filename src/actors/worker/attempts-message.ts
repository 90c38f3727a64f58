/** What the `runs` actor of a node is told. */
import type { ProgressNote, WorkDelivery } from '../../application/ports/bus.ts';
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { LogLevel } from '../../domain/job-log.ts';
import type { OfferedCheckpoint } from './checkpoint-saver.ts';

export type AttemptsMessage =
  | { readonly kind: 'deliver'; readonly deliveries: readonly WorkDelivery[] }
  | { readonly kind: 'started'; readonly runId: string }
  | { readonly kind: 'progress'; readonly runId: string; readonly note: Pick<ProgressNote, 'fraction' | 'note'> }
  | { readonly kind: 'checkpoint'; readonly runId: string; readonly checkpoint: OfferedCheckpoint }
  | { readonly kind: 'log'; readonly runId: string; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'ended'; readonly runId: string; readonly outcome: RunOutcome; readonly durationMs: number }
  | { readonly kind: 'stop-run'; readonly runId: string; readonly why: 'cancel' | 'stale' }
  | { readonly kind: 'report'; readonly runId: string }
  | { readonly kind: 'continue'; readonly run: () => void }
  | { readonly kind: 'beat' }
  | { readonly kind: 'stop-all' }
  /** Nothing begins any more. Calls back once no run is left. */
  | { readonly kind: 'drain'; readonly done: () => void };
