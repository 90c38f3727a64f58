/** JetStream and core NATS as the application sees them. Nothing in them is a record: all of it can be rebuilt. */
import type { JobEventType } from '../../domain/job.ts';
import type { HandlerNeed } from '../../domain/handler-need.ts';
import type { Priority } from '../../domain/priority.ts';
import type { JobId } from '../../domain/job-id.ts';
import { given } from '../../domain/given.ts';

export interface WorkMessage {
  readonly jobId: JobId;
  readonly tenant: string;
  readonly queue: string;
  /** Number of attempts that were granted before this message. */
  readonly attempt: number;
  /**
   * Epoch of the owner that dispatches. The message id is `<jobId>.<attempt>.<epoch>+<again>`, so JetStream drops a
   * repeated publish by one owner, but accepts the message of a new owner even while a node holds the predecessor's
   * unacked.
   */
  readonly epoch: number;
  /**
   * Number of the message among those of its owner. A job that is sent again gets a message with another number. Absent
   * from owners of earlier versions for the first message of a job.
   */
  readonly again?: number;
  readonly need: HandlerNeed;
  /**
   * `shared` is the route of the queue, pulled by every node. `handler` is the route of the handler that the job
   * needs, pulled only by nodes that have it. A job takes the shared route while every node can run it.
   */
  readonly route: 'shared' | 'handler';
  /** Absent for jobs of the default level. */
  readonly level?: Priority;
}

/**
 * One subject with one consumer: either the jobs of one level of a queue that any node may run, or those of one
 * handler.
 */
export interface WorkRoute {
  readonly tenant: string;
  readonly queue: string;
  /** Absent for jobs of the default level. */
  readonly level?: Priority;
  /** Absent on the shared route of the level. */
  readonly need?: HandlerNeed;
}

/** The route on which a message waits. */
export function routeOfWork({ tenant, queue, level, need, route }: WorkMessage): WorkRoute {
  return { tenant, queue, ...given({ level, need: route === 'handler' ? need : undefined }) };
}

/** Number of messages on a route, including those that were taken and not yet acknowledged. */
export interface RouteDepth extends WorkRoute {
  readonly messages: number;
}

/** What the WORK stream holds. Positions are numbers that grow with each message. */
export interface WorkStanding {
  /** Position of the last message that the stream ever accepted. */
  readonly last: number;
  /** For each requested route the position of its first message, or undefined if the route is empty. */
  readonly firsts: readonly (number | undefined)[];
}

/** A CloudEvent about a job. Its id is `<jobId>.<seq>`. */
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
  /** Resolves when JetStream has the message. Rejects with BROKER_UNAVAILABLE. Publishing again is harmless. */
  publishWork(message: WorkMessage): Promise<void>;
  publishEvent(event: JobEvent): Promise<void>;
  /** Acknowledges a WORK message for good. Fire and forget: if the acknowledgement is lost, redelivery repairs it. */
  acknowledge(ackTo: string): void;
  /** Identity of the streams (their creation times). It changes when JetStream was wiped. Undefined while unknown. */
  streams(): string | undefined;
  /** Called with the new identity after the streams were found missing and were created again. */
  onStreamsReplaced(listener: (streams: string) => void): () => void;
  /**
   * Called when JetStream may have lost what it confirmed last, because its server restarted or a stream's last
   * sequence went back. Nothing is published between the discovery and this call.
   */
  onDoubt(listener: () => void): () => void;
  /**
   * Monotonic time up to which JetStream has verifiably lost nothing that it had confirmed. Undefined while unknown.
   */
  soundAtMs(): number | undefined;
  /** The answer describes an instant after the call. Rejects with BROKER_UNAVAILABLE. */
  workStanding(routes: readonly WorkRoute[]): Promise<WorkStanding>;
}

export interface WorkDelivery {
  readonly message: WorkMessage;
  readonly ackTo: string;
  /** 1 for the first delivery. */
  readonly deliveries: number;
}

/** Pulls messages. Each route has one pull consumer. */
export interface WorkSource {
  /**
   * Asks for up to `batch` messages. Resolves at once with those that are there. If there are none, it waits up to
   * `expiresMs` for the first to arrive, and then resolves with an empty list. Rejects with BROKER_UNAVAILABLE.
   */
  pull(input: {
    readonly route: WorkRoute;
    readonly batch: number;
    readonly expiresMs: number;
    readonly signal: AbortSignal;
  }): Promise<readonly WorkDelivery[]>;
  /** Releases a message that this node will not handle, for redelivery after `delayMs` (default: at once). */
  release(ackTo: string, delayMs?: number): void;
  /** Creates the consumer if it is missing and verifies it otherwise. */
  ensureRoute(route: WorkRoute): Promise<void>;
  /** Removes the consumer if it exists. A node that still pulls from it creates it again. */
  removeRoute(route: WorkRoute): Promise<void>;
  /**
   * Every route that holds messages, including handler routes that no node has announced. This is what really waits.
   */
  routes(): Promise<readonly RouteDepth[]>;
}

export interface ProgressNote {
  /** The note, encrypted (base64). Then `note` is empty. */
  readonly sealedNote?: string;
  readonly jobId: JobId;
  readonly attempt: number;
  /** 0..1 */
  readonly fraction: number;
  readonly note: string;
}

/** Live feeds that may lose messages. What was missed can be read from the shard. */
export interface LiveFeed {
  publishProgress(tenant: string, queue: string, note: ProgressNote): void;
  /** Announces that the shard of the job has new log lines. */
  publishLogNews(tenant: string, queue: string, jobId: JobId): void;
  /**
   * Calls the listener on every event, progress note and log announcement of the job, until the returned function is
   * called.
   */
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
  /** True once the streams were checked on the present connection. Nothing is published before that. */
  readonly publishing: boolean;
  readonly server?: string;
}
