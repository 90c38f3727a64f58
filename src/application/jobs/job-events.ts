/** Turns the history of a record into events for listeners. An event's content is fixed the moment it happens. */
import { invariant } from '../../domain/errors.ts';
import { isTerminal, type JobEventType, type JobRecord, type JobState, type TrailEntry } from '../../domain/job.ts';
import type { JobEvent } from '../ports/bus.ts';
import { given } from '../../domain/given.ts';

export function jobEventOf(record: JobRecord, entry: TrailEntry): JobEvent {
  const { spec } = record;
  const newest = entry.seq === record.seq;
  return {
    jobId: record.id,
    seq: entry.seq,
    type: entry.type,
    tenant: spec.tenant,
    queue: spec.queue,
    atMs: entry.atMs,
    ...given({ traceparent: spec.traceparent }),
    data: {
      jobId: record.id,
      seq: entry.seq,
      handler: spec.handler,
      attempt: entry.attempt,
      state: stateAfter[entry.type],
      ...given({
        reason: entry.reason,
        retryAt: newest && record.state === 'RETRYING' ? new Date(record.readyAtMs).toISOString() : undefined,
        failures: newest && isTerminal(record.state) ? record.failures : undefined,
        losses: newest && isTerminal(record.state) ? record.losses : undefined,
      }),
    },
  };
}

/** Whether listeners get this event. */
export function isPublished({ spec }: Pick<JobRecord, 'spec'>, { type }: Pick<TrailEntry, 'type'>): boolean {
  return spec.publishedEvents !== 'ends' || isTerminal(stateAfter[type]);
}

/** The event type that leads into a state. There is exactly one for each state. */
export function eventTypeInto(state: JobState): JobEventType {
  const found = Object.entries(stateAfter).find(([, after]) => after === state);
  invariant(found !== undefined, 'every state has its event');
  return found[0] as JobEventType;
}

const stateAfter = {
  scheduled: 'SCHEDULED',
  queued: 'QUEUED',
  started: 'RUNNING',
  retrying: 'RETRYING',
  cancelling: 'CANCELLING',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  expired: 'EXPIRED',
} as const satisfies Record<JobEventType, JobRecord['state']>;
