/** All limits of the NATS adapter. Times are in ms, sizes in bytes. */
export interface NatsLimits {
  /** Messages in WORK. At the limit, a publish is refused with BACKLOG_FULL. */
  readonly workMaxMessages: number;
  /** Size of WORK. At the limit, a publish is refused with BACKLOG_FULL. */
  readonly workMaxBytes: number;
  /** Size of EVENTS. At the limit, the oldest events are dropped. */
  readonly eventsMaxBytes: number;
  /** How long events are kept. It bounds how old a resume token may be. */
  readonly eventsMaxAgeMs: number;
  /** A WORK message that is not acknowledged within this time is delivered again. */
  readonly ackWaitMs: number;
  /** Messages of one consumer that may be delivered and not yet acknowledged. */
  readonly maxAckPending: number;
  /**
   * Deliveries of one message; -1 means no limit. A claim ends a message's life. A limit would leave a job without a
   * message if its shard had no owner for long.
   */
  readonly maxDeliver: number;
  /** The server removes the consumer of a handler route after no node has pulled from it for this time. */
  readonly handlerRouteIdleMs: number;
  /**
   * The key of a node expires when it was not renewed for this time. Applies to buckets that are created; an existing
   * bucket keeps its own.
   */
  readonly nodeTtlMs: number;
  /** The same for the lease of a shard. */
  readonly leaseTtlMs: number;
  /** JetStream publishes that are not yet confirmed. */
  readonly publishesInFlight: number;
  /** Publishes that wait behind those. At the limit, a publish is refused with BACKLOG_FULL. */
  readonly publishesWaiting: number;
  /** If at least this many messages wait for one stream, they are sent as a batch. One batch holds at most 500. */
  readonly publishBatchFrom: number;
  /** How long a publish waits for its confirmation. After it the outcome is unknown, and the caller publishes again. */
  readonly publishTimeoutMs: number;
  /** Limit of a JetStream API call: create, info, KV. */
  readonly apiTimeoutMs: number;
  /** Requests to one shard or node that may be in progress. At the limit, a request is refused with OVERLOADED. */
  readonly requestsInProgress: number;
  /** Requests of this process that may wait for an answer. At the limit, a request is refused with OVERLOADED. */
  readonly requestsWaiting: number;
  /** How long the first connection may take, and then the streams and buckets. */
  readonly connectTimeoutMs: number;
  /** How often the guard checks that streams and buckets are still the same. */
  readonly identityCheckMs: number;
}

export const defaultNatsLimits: NatsLimits = {
  workMaxMessages: 2_000_000,
  workMaxBytes: 2 * 1024 ** 3,
  eventsMaxBytes: 4 * 1024 ** 3,
  eventsMaxAgeMs: 72 * 3_600_000,
  ackWaitMs: 15_000,
  maxAckPending: 10_000,
  maxDeliver: -1,
  handlerRouteIdleMs: 300_000,
  nodeTtlMs: 6_000,
  leaseTtlMs: 6_000,
  publishesInFlight: 1_024,
  publishesWaiting: 16_384,
  publishBatchFrom: 8,
  publishTimeoutMs: 5_000,
  apiTimeoutMs: 5_000,
  requestsInProgress: 1_024,
  requestsWaiting: 4_096,
  connectTimeoutMs: 15_000,
  identityCheckMs: 3_000,
};

/**
 * Requests to JetStream that something about all queues has under way. There may be thousands of queues, and each request
 * has a limit of time.
 */
export const requestsAtOnce = 32;
