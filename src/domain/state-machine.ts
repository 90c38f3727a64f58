/**
 * The job's life as a table. Every change of state anywhere is one of these edges; `docs/state-machine.md` is generated
 * from it. `transitions.ts` decides which edge a command takes and what the record then holds.
 */
import type { JobEventType, JobState } from './job.ts';

export type CommandKind =
  | 'accept'
  | 'due'
  | 'reschedule'
  | 'claim'
  | 'succeed'
  | 'fail'
  | 'snooze'
  | 'stopped'
  | 'return'
  | 'lose'
  | 'cancel'
  | 'expire';

export interface Edge {
  /** Absent: the job does not exist yet. */
  readonly from?: JobState;
  readonly command: CommandKind;
  readonly to: JobState;
  /** The event that listeners get. */
  readonly event: JobEventType;
  /** When this edge is taken, for readers. */
  readonly when: string;
}

export const edges = [
  { command: 'accept', to: 'SCHEDULED', event: 'scheduled', when: 'submitted with a start time in the future' },
  { command: 'accept', to: 'QUEUED', event: 'queued', when: 'submitted to run now' },

  { from: 'SCHEDULED', command: 'due', to: 'QUEUED', event: 'queued', when: 'its start time has come' },
  { from: 'SCHEDULED', command: 'reschedule', to: 'SCHEDULED', event: 'scheduled', when: 'moved to another time' },
  { from: 'SCHEDULED', command: 'reschedule', to: 'QUEUED', event: 'queued', when: 'moved to now' },
  { from: 'SCHEDULED', command: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled before its time' },
  { from: 'SCHEDULED', command: 'expire', to: 'EXPIRED', event: 'expired', when: 'total timeout before any start' },
  { from: 'SCHEDULED', command: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout after an attempt' },

  { from: 'QUEUED', command: 'claim', to: 'RUNNING', event: 'started', when: 'a node with a free thread claims it' },
  { from: 'QUEUED', command: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled while waiting' },
  { from: 'QUEUED', command: 'expire', to: 'EXPIRED', event: 'expired', when: 'queue or total timeout, never started' },
  { from: 'QUEUED', command: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout after an attempt' },

  { from: 'RUNNING', command: 'succeed', to: 'SUCCEEDED', event: 'succeeded', when: 'the handler returned' },
  { from: 'RUNNING', command: 'fail', to: 'RETRYING', event: 'retrying', when: 'failed, retryable, attempts are left' },
  { from: 'RUNNING', command: 'fail', to: 'FAILED', event: 'failed', when: 'failed for good' },
  {
    from: 'RUNNING',
    command: 'snooze',
    to: 'SCHEDULED',
    event: 'scheduled',
    when: 'snoozed by its handler; not counted',
  },
  {
    from: 'RUNNING',
    command: 'snooze',
    to: 'FAILED',
    event: 'failed',
    when: 'snoozed past the retention of its input',
  },
  { from: 'RUNNING', command: 'stopped', to: 'QUEUED', event: 'queued', when: 'released by its node; not counted' },
  {
    from: 'RUNNING',
    command: 'stopped',
    to: 'FAILED',
    event: 'failed',
    when: 'released by its node more often than max_losses allows',
  },
  {
    from: 'RUNNING',
    command: 'return',
    to: 'QUEUED',
    event: 'queued',
    when: 'released before it began, no thread became free',
  },
  { from: 'RUNNING', command: 'lose', to: 'QUEUED', event: 'queued', when: 'lost with its node or cell; not counted' },
  {
    from: 'RUNNING',
    command: 'lose',
    to: 'RETRYING',
    event: 'retrying',
    when: 'crashed its process while alone in it',
  },
  { from: 'RUNNING', command: 'lose', to: 'FAILED', event: 'failed', when: 'POISON, or more than max_losses' },
  { from: 'RUNNING', command: 'cancel', to: 'CANCELLING', event: 'cancelling', when: 'cancelled while running' },

  { from: 'RETRYING', command: 'due', to: 'QUEUED', event: 'queued', when: 'its back-off is over' },
  {
    from: 'RETRYING',
    command: 'reschedule',
    to: 'SCHEDULED',
    event: 'scheduled',
    when: 'its next attempt is moved to another time',
  },
  {
    from: 'RETRYING',
    command: 'reschedule',
    to: 'QUEUED',
    event: 'queued',
    when: 'its next attempt is moved to now',
  },
  { from: 'RETRYING', command: 'cancel', to: 'CANCELLED', event: 'cancelled', when: 'cancelled between attempts' },
  { from: 'RETRYING', command: 'expire', to: 'FAILED', event: 'failed', when: 'total timeout between attempts' },

  { from: 'CANCELLING', command: 'stopped', to: 'CANCELLED', event: 'cancelled', when: 'its code no longer runs' },
  {
    from: 'CANCELLING',
    command: 'succeed',
    to: 'CANCELLED',
    event: 'cancelled',
    when: 'ended by itself; result dropped',
  },
  { from: 'CANCELLING', command: 'fail', to: 'CANCELLED', event: 'cancelled', when: 'ended by itself' },
  { from: 'CANCELLING', command: 'snooze', to: 'CANCELLED', event: 'cancelled', when: 'ended by itself' },
  { from: 'CANCELLING', command: 'return', to: 'CANCELLED', event: 'cancelled', when: 'it never began' },
  { from: 'CANCELLING', command: 'lose', to: 'CANCELLED', event: 'cancelled', when: 'its node or cell is gone' },
] as const satisfies readonly Edge[];

const index = new Map<string, Edge>();
for (const edge of edges as readonly Edge[]) index.set(`${edge.from ?? ''}>${edge.command}>${edge.to}`, edge);

/** Undefined when the table has no such edge. */
export function edgeOf(from: JobState | undefined, command: CommandKind, to: JobState): Edge | undefined {
  return index.get(`${from ?? ''}>${command}>${to}`);
}
