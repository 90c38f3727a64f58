/** What the `runs` actor of a node receives: orders, events of runs, its own timers, and answers to what it asked. */
import type { WorkDelivery } from '../../application/ports/bus.ts';
import type { RunEvent } from '../../application/ports/run-pool.ts';
import type {
  CheckpointResult,
  ClaimResult,
  HeartbeatResult,
  LogResult,
  ReportResult,
} from '../../application/ports/shard-protocol.ts';
import type { AttemptPayloads } from './attempt-payloads.ts';
import type { NodeAttempt, OfferedCheckpoint } from './node-attempt.ts';

type Settled<T> = PromiseSettledResult<T>;

export type AttemptsMessage =
  | { readonly kind: 'deliver'; readonly deliveries: readonly WorkDelivery[] }
  | { readonly kind: 'claim-answered'; readonly delivery: WorkDelivery; readonly outcome: Settled<ClaimResult> }
  /** The broker has, or has not, taken a message over to its handler route. */
  | { readonly kind: 'work-moved'; readonly ackTo: string; readonly outcome: Settled<void> }
  | { readonly kind: 'payloads-fetched'; readonly run: NodeAttempt; readonly outcome: Settled<AttemptPayloads> }
  /** The run does not begin before its keys are there. */
  | { readonly kind: 'keys-away'; readonly run: NodeAttempt }
  | RunEvent
  | CheckpointMessage
  | { readonly kind: 'logs-due' }
  | { readonly kind: 'log-answered'; readonly run: NodeAttempt; readonly outcome: Settled<LogResult> }
  | { readonly kind: 'report-due'; readonly runId: string }
  | { readonly kind: 'report-answered'; readonly run: NodeAttempt; readonly outcome: Settled<ReportResult> }
  | { readonly kind: 'heartbeat-due' }
  | { readonly kind: 'heartbeat-answered'; readonly outcome: Settled<HeartbeatResult> }
  | { readonly kind: 'stop-run'; readonly runId: string; readonly why: 'cancel' | 'stale' }
  | { readonly kind: 'stop-all' }
  /** Nothing begins any more. Calls back once no run is left. */
  | { readonly kind: 'drain'; readonly done: () => void };

type CheckpointMessage = { readonly run: NodeAttempt; readonly checkpoint: OfferedCheckpoint } & (
  | { readonly kind: 'checkpoint-answered'; readonly outcome: Settled<CheckpointResult> }
  | { readonly kind: 'checkpoint-retry-due' }
);

type Kind = AttemptsMessage['kind'];
/** Names the kind twice, because only then the compiler sees that a handler of the kind takes the message. */
export type MessageOf<K extends Kind> = {
  readonly [P in K]: Extract<AttemptsMessage, { readonly kind: P }> & { readonly kind: P };
}[K];
export type MessageHandlers = { readonly [K in Kind]: (message: MessageOf<K>) => void };

export function handle<K extends Kind>(handlers: MessageHandlers, message: MessageOf<K>): void {
  handlers[message.kind](message);
}
