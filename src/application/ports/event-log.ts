/**
 * The events that the bus keeps for a while, read from any position by anybody at his own pace. Nothing is held for a
 * reader, so a slow one costs nothing but his own time.
 */
import type { JobEventType, JobState } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';

/** What is needed of an event to know whether somebody wants to hear of its job. */
export interface KeptEvent {
  /** Its place in the log: 1 and up, with gaps. */
  readonly position: number;
  readonly jobId: JobId;
  readonly seq: number;
  readonly handler: string;
  /** After the event. */
  readonly state: JobState;
  /** Tells it from another one at its place: what NATS had not written when it lost its power never was, and places are given anew. */
  readonly mark: string;
}

export interface EventLogBounds {
  /** Identity of the log: changes when it was lost and begun anew. */
  readonly log: string;
  /** Position of the oldest event that is kept; of the next one if there is none. */
  readonly first: number;
  /** Position of the newest event of any queue. */
  readonly last: number;
  /** Of the newest event, kept or not; empty: there never was one. */
  readonly lastMark: string;
}

export interface EventsOfQueue {
  readonly tenant: string;
  readonly queue: string;
  /** Only these; default: all. */
  readonly type?: JobEventType;
}

export interface EventLog {
  /** Rejects BROKER_UNAVAILABLE, as `read` does. */
  bounds(): Promise<EventLogBounds>;
  /** Those after this position, oldest first. Fewer than `max` are all there were. */
  read(events: EventsOfQueue, page: { readonly after: number; readonly max: number }): Promise<readonly KeptEvent[]>;
  /** Of the event of whatever queue at this position. Undefined: there is none, or whoever was asked has it not yet. */
  markAt(position: number): Promise<string | undefined>;
  /** Calls back once, at the next of them, which `read` may give a moment later. Ended by what it returns. */
  onNext(events: EventsOfQueue, listener: () => void): () => void;
}
