/** JetStream and core NATS as the application sees them. Nothing here is a record: all of it can be rebuilt. */
import type { JobEventType } from '../../domain/job.ts';
import type { HandlerNeed } from '../../domain/handler-need.ts';
import type { Priority } from '../../domain/priority.ts';
import type { JobId } from '../../domain/job-id.ts';

export interface WorkMessage {
  readonly jobId: JobId;
  readonly tenant: string;
  readonly queue: string;
  /** Attempts granted before. */
  readonly attempt: number;
  /**
   * Epoch of the owner that dispatches. Message id = `<jobId>.<attempt>.<generation>`: a repeated publish of one owner
   * is recognised, while a new owner's is not swallowed because of a message that its predecessor's node holds unacked.
   */
  readonly generation: number;
  /** Counts up when one owner sends the same attempt again, after a message for it was used up; part of the message id. */
  readonly again?: number;
  readonly need: HandlerNeed;
  /**
   * A queue's `main` strand is pulled by every node; the need's `own` strand only by nodes that meet it. A job goes to
   * the main one while every node could run it.
   */
  readonly strand: 'main' | 'own';
  /** Absent: the default one. */
  readonly level?: Priority;
}

/** A subject and a consumer of its own: all of one level of a queue that any node may take, or what needs one handler. */
export interface Strand {
  readonly tenant: string;
  readonly queue: string;
  /** Absent: the default one. */
  readonly level?: Priority;
  /** Absent: the main strand of the level. */
  readonly need?: HandlerNeed;
}

/** The strand in which a message waits. */
export function strandOfWork({ tenant, queue, level, need, strand }: WorkMessage): Strand {
  return { tenant, queue, ...(level !== undefined && { level }), ...(strand === 'own' && { need }) };
}

/** Messages of a strand, taken ones not yet acknowledged included. */
export interface StrandDepth extends Strand {
  readonly messages: number;
}

/** What the stream of work holds. Places are numbers that grow with each message. */
export interface WorkStanding {
  /** Place of the last message that the stream ever took. */
  readonly last: number;
  /** Of each strand asked for, the place of its first message; undefined: it is empty. */
  readonly firsts: readonly (number | undefined)[];
}

/** A CloudEvent about a job; `id` = `<jobId>.<seq>`. */
export interface JobEvent {
  readonly jobId: JobId;
  readonly seq: number;
  readonly type: JobEventType;
  readonly tenant: string;
  readonly queue: string;
  readonly atMs: number;
  readonly traceparent?: string;
  /** JSON-ready facts: state, handler, attempt, failure reason. Never payloads. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Publisher {
  /** Resolves when JetStream has it; rejects BROKER_UNAVAILABLE. Publishing again is harmless. */
  publishWork(message: WorkMessage): Promise<void>;
  publishEvent(event: JobEvent): Promise<void>;
  /** Final word on a WORK message, fire and forget: a lost one is repaired by redelivery. */
  acknowledge(ackTo: string): void;
  /** Identity of the streams (creation times); changes when JetStream was wiped. Undefined while unknown. */
  streams(): string | undefined;
  /** Called with the new identity once the streams were found gone and made anew. */
  onStreamsReplaced(listener: (streams: string) => void): () => void;
  /**
   * Called when JetStream may have lost what it confirmed last: its server was started anew, or a stream counts back.
   * Nothing is published between that and the call.
   */
  onDoubt(listener: () => void): () => void;
  /** Monotonic: until then nothing that JetStream had confirmed was lost. Undefined while unknown. */
  soundAtMs(): number | undefined;
  /** As of an instant after the call. Rejects BROKER_UNAVAILABLE. */
  workStanding(strands: readonly Strand[]): Promise<WorkStanding>;
}

export interface WorkDelivery {
  readonly message: WorkMessage;
  readonly ackTo: string;
  /** 1 for the first delivery. */
  readonly deliveries: number;
}

/** One pull consumer per strand. */
export interface WorkSource {
  /**
   * Asks for up to `batch` messages. Resolves with what there is at once, or, when there is nothing, with the first
   * messages that arrive within `expiresMs` (empty after that). Rejects BROKER_UNAVAILABLE.
   */
  pull(input: {
    readonly strand: Strand;
    readonly batch: number;
    readonly expiresMs: number;
    readonly signal: AbortSignal;
  }): Promise<readonly WorkDelivery[]>;
  /** The message will not be handled here; give it to someone else, after `delayMs` (default: now). */
  giveBack(ackTo: string, delayMs?: number): void;
  /** Creates the consumer if it is missing, verifies it if it is there. */
  ensureStrand(strand: Strand): Promise<void>;
  /** Removes the consumer, if it is there. Whoever still pulls from it makes it anew. */
  removeStrand(strand: Strand): Promise<void>;
  /** Every strand that holds messages: the truth of what waits, own strands that nobody has announced included. */
  strands(): Promise<readonly StrandDepth[]>;
}

export interface ProgressNote {
  readonly jobId: JobId;
  readonly attempt: number;
  /** 0..1 */
  readonly fraction: number;
  readonly note: string;
}

/** Live, lossy feeds: what is missed is found in the shard. */
export interface LiveFeed {
  publishProgress(tenant: string, queue: string, note: ProgressNote): void;
  /** Its shard has lines that it did not have. */
  publishLogNews(tenant: string, queue: string, jobId: JobId): void;
  /** Calls back on every event or progress note of the job until the returned function is called. */
  watchJob(
    job: { readonly jobId: JobId; readonly tenant: string; readonly queue: string },
    listener: (
      change:
        | { readonly kind: 'event'; readonly seq: number }
        | { readonly kind: 'progress'; readonly progress: ProgressNote }
        | { readonly kind: 'log' },
    ) => void,
  ): () => void;
}

export interface BusHealth {
  readonly connected: boolean;
  /** The streams were looked at since the link is up: until then nothing is published. */
  readonly publishing: boolean;
  readonly server?: string;
}
