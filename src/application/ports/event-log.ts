/**
 * The events that the bus keeps for a limited time. Any number of readers read them from any position at their own
 * pace. Nothing is held for a reader, so a slow one costs nothing but its own time.
 */
import type { JobEventType, JobState } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

/** The part of an event that decides whether a reader is interested in its job. */
export interface KeptEvent {
  /** Position in the log: 1 and up, with gaps. */
  readonly position: number;
  readonly jobId: JobId;
  readonly seq: number;
  readonly handler: string;
  /** State of the job after the event. */
  readonly state: JobState;
  /**
   * Distinguishes this event from another at the same position. NATS may lose unwritten events when it loses power, and
   * then reuses their positions.
   */
  readonly mark: string;
}

export interface EventLogBounds {
  /** Identity of the log. It changes when the log was lost and created again. */
  readonly log: string;
  /** Position of the oldest kept event, or of the next event if none is kept. */
  readonly first: number;
  /** Position of the newest event of any queue. */
  readonly last: number;
  /** Mark of the newest event, whether it is still kept or not. Empty if there never was an event. */
  readonly lastMark: string;
}

export interface EventsOfQueue {
  readonly tenant: string;
  readonly queue: string;
  /** Only events of this type (default: all). */
  readonly type?: JobEventType;
}

export type EventPlace = Pick<KeptEvent, 'position' | 'mark'>;

export interface EventPage {
  /** Oldest first. May be empty although more follow: others may publish to the log what is no event of ours. */
  readonly events: readonly KeptEvent[];
  /** Where the page ends. Undefined if the server that was asked has received nothing after the position. */
  readonly end?: EventPlace;
}

/** One log of kept events. It holds events of many queues. */
export interface EventLog {
  /** Rejects with BROKER_UNAVAILABLE, as `read` does. */
  bounds(): Promise<EventLogBounds>;
  /** The next page after the position. It may lack what `bounds` knows of already. */
  read(events: EventsOfQueue, page: { readonly after: number; readonly max: number }): Promise<EventPage>;
  /**
   * Mark of the event at this position, of any queue. Undefined if there is none, or if the server that was asked has
   * not received it yet.
   */
  markAt(position: number): Promise<string | undefined>;
}

export interface EventLogs {
  /**
   * The logs that may hold events of the queue. The last one gets them now, the others got them when there were fewer
   * logs. When logs are added, the list only gets longer at its end.
   */
  of(queue: Pick<EventsOfQueue, 'tenant' | 'queue'>): readonly EventLog[];
  /**
   * Calls the listener once, at the next matching event. `read` may return that event a moment later. The returned
   * function unsubscribes.
   */
  onNext(events: EventsOfQueue, listener: () => void): () => void;
}
