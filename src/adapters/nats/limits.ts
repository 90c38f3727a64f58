/** Every bound and time of the NATS adapter in one place. Times in ms, sizes in bytes. */
export interface NatsLimits {
  /** Most messages in WORK; past it a publish is refused with BACKLOG_FULL. */
  readonly workMaxMessages: number;
  readonly workMaxBytes: number;
  readonly eventsMaxBytes: number;
  readonly eventsMaxAgeMs: number;
  /** A WORK message that is not acknowledged within this comes again. */
  readonly ackWaitMs: number;
  /** Messages of one queue that may be out, claimed but not yet acknowledged. */
  readonly maxAckPending: number;
  /** -1: no limit. The claim ends a message's life; a limit would leave a job behind whose shard was away for long. */
  readonly maxDeliver: number;
  /** The consumer of a need's handler route goes when nobody has pulled from it for so long. */
  readonly handlerRouteIdleMs: number;
  readonly nodeTtlMs: number;
  readonly leaseTtlMs: number;
  /** JetStream publishes without an answer yet. */
  readonly publishesInFlight: number;
  /** Publishes that wait behind those; past it BACKLOG_FULL. */
  readonly publishesWaiting: number;
  /** From this many that wait for one stream on, they go as one batch. At most 500 go in one. */
  readonly publishBatchFrom: number;
  readonly publishTimeoutMs: number;
  /** JetStream API calls: create, info, KV. */
  readonly apiTimeoutMs: number;
  /** Requests of one shard or node that may be in progress; past it OVERLOADED. */
  readonly requestsInProgress: number;
  /** Requests of this process that wait for an answer; past it OVERLOADED. */
  readonly requestsWaiting: number;
  /** How long the first connection may take. */
  readonly connectTimeoutMs: number;
  /** How often the streams' identity is looked at. */
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
