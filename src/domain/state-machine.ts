/**
 * The life of a job as a table. Every change of state in the system is one of these edges, and `docs/state-machine.md`
 * is generated from them. `transitions.ts` decides which edge a command takes and what the record then contains.
 */
import type { AttemptOutcome } from './attempt-outcome.ts';
import type { JobEventType, JobState } from './job.ts';

/** What causes a transition: a command, or the outcome in the report of an attempt. */
export type Cause = 'accept' | 'due' | 'reschedule' | 'claim' | 'cancel' | 'expire' | AttemptOutcome['kind'];

/** One possible transition. */
export interface Edge {
  /** Absent if the job does not exist yet. */
  readonly from?: JobState;
  readonly by: Cause;
  readonly to: JobState;
  /** The type of the event that is published. */
  readonly event: JobEventType;
  /** When the edge is taken, as text for the documentation. */
  readonly when: string;
}

export const edges = [
  { by: 'accept', to: 'SCHEDULED', event: 'scheduled', when: 'submitted with a start time in the future' },
  { by: 'accept', to: 'QUEUED', event: 'queued', when: 'submitted to run now' },

  { from: 'SCHEDULED', by: 'due', to: 'QUEUED', event: 'queued', when: 'its start time has come' },
  { from: 'SCHEDULED', by: 'reschedule', to: 'SCHEDULED', event: 'scheduled', when: 'moved to another time' },
  { from: 'SCHEDULED', by: 'reschedule', to: 'QUEUED', event: 'queued', when: 'moved to now' },
  { from: 'SCHEDULED', by: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled before its time' },
  { from: 'SCHEDULED', by: 'expire', to: 'EXPIRED', event: 'expired', when: 'total timeout before any start' },
  { from: 'SCHEDULED', by: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout after an attempt' },

  { from: 'QUEUED', by: 'claim', to: 'RUNNING', event: 'started', when: 'a node with a free thread claims it' },
  { from: 'QUEUED', by: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled while waiting' },
  { from: 'QUEUED', by: 'expire', to: 'EXPIRED', event: 'expired', when: 'queue or total timeout, never started' },
  { from: 'QUEUED', by: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout after an attempt' },

  { from: 'RUNNING', by: 'succeeded', to: 'SUCCEEDED', event: 'succeeded', when: 'the handler returned' },
  { from: 'RUNNING', by: 'failed', to: 'RETRYING', event: 'retrying', when: 'failed, retryable, attempts are left' },
  { from: 'RUNNING', by: 'failed', to: 'FAILED', event: 'failed', when: 'failed for good' },
  {
    from: 'RUNNING',
    by: 'snoozed',
    to: 'SCHEDULED',
    event: 'scheduled',
    when: 'snoozed by its handler; not counted',
  },
  {
    from: 'RUNNING',
    by: 'snoozed',
    to: 'FAILED',
    event: 'failed',
    when: 'snoozed past the retention of its input',
  },
  { from: 'RUNNING', by: 'stopped', to: 'QUEUED', event: 'queued', when: 'stopped by its node; not counted' },
  {
    from: 'RUNNING',
    by: 'stopped',
    to: 'FAILED',
    event: 'failed',
    when: 'stopped by its node more often than max_losses allows',
  },
  {
    from: 'RUNNING',
    by: 'released',
    to: 'QUEUED',
    event: 'queued',
    when: 'released before it began, no thread became free',
  },
  { from: 'RUNNING', by: 'lost', to: 'QUEUED', event: 'queued', when: 'lost with its node or cell; not counted' },
  {
    from: 'RUNNING',
    by: 'lost',
    to: 'RETRYING',
    event: 'retrying',
    when: 'crashed its process while alone in it',
  },
  { from: 'RUNNING', by: 'lost', to: 'FAILED', event: 'failed', when: 'POISON, or more than max_losses' },
  { from: 'RUNNING', by: 'cancel', to: 'CANCELLING', event: 'cancelling', when: 'cancelled while running' },

  { from: 'RETRYING', by: 'due', to: 'QUEUED', event: 'queued', when: 'its back-off is over' },
  {
    from: 'RETRYING',
    by: 'reschedule',
    to: 'SCHEDULED',
    event: 'scheduled',
    when: 'its next attempt is moved to another time',
  },
  {
    from: 'RETRYING',
    by: 'reschedule',
    to: 'QUEUED',
    event: 'queued',
    when: 'its next attempt is moved to now',
  },
  { from: 'RETRYING', by: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled between attempts' },
  { from: 'RETRYING', by: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout between attempts' },

  { from: 'CANCELLING', by: 'stopped', to: 'CANCELLED', event: 'cancelled', when: 'its code no longer runs' },
  {
    from: 'CANCELLING',
    by: 'succeeded',
    to: 'CANCELLED',
    event: 'cancelled',
    when: 'ended by itself; result dropped',
  },
  { from: 'CANCELLING', by: 'failed', to: 'CANCELLED', event: 'cancelled', when: 'ended by itself' },
  { from: 'CANCELLING', by: 'snoozed', to: 'CANCELLED', event: 'cancelled', when: 'ended by itself' },
  { from: 'CANCELLING', by: 'released', to: 'CANCELLED', event: 'cancelled', when: 'it never began' },
  { from: 'CANCELLING', by: 'lost', to: 'CANCELLED', event: 'cancelled', when: 'its node or cell is gone' },
] as const satisfies readonly Edge[];

const index = new Map<string, Edge>();
for (const edge of edges as readonly Edge[]) index.set(`${edge.from ?? ''}>${edge.by}>${edge.to}`, edge);

/** Returns `undefined` if the table has no such edge. */
export function edgeOf(from: JobState | undefined, by: Cause, to: JobState): Edge | undefined {
  return index.get(`${from ?? ''}>${by}>${to}`);
}
