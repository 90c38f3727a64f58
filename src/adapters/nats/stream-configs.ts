/** The configuration of each JetStream asset. Only the fields named here are set at creation and verified later. */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { NatsLimits } from './limits.ts';
import type { WorkRoute } from '../../application/ports/bus.ts';
import { consumerName, type NatsNames } from './names.ts';
import { given } from '../../domain/given.ts';

export type DesiredStream = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] };
export type DesiredConsumer = Partial<ConsumerConfig> & { readonly durable_name: string };

const workDuplicateWindowMs = 30_000;
const eventsDuplicateWindowMs = 120_000;

/**
 * A queue has a consumer, and one more for each other level and for each handler that not every node has. From 2.15 on a
 * server allows 1,000 consumers of a stream that states no number, and takes "unlimited" for none.
 */
const workConsumersMax = 100_000;

export interface DesiredStreams {
  readonly work: DesiredStream;
  readonly events: readonly DesiredStream[];
  readonly buckets: readonly DesiredStream[];
}

export function desiredStreams(names: NatsNames, limits: NatsLimits, replicas: number): DesiredStreams {
  return {
    work: workStream(names, limits, replicas),
    events: names.eventsStreams.map((name, n) => eventsStream({ name, n, names, limits, replicas })),
    buckets: [
      bucketStream(names.nodesBucket, replicas, limits.nodeTtlMs),
      bucketStream(names.leasesBucket, replicas, limits.leaseTtlMs),
      bucketStream(names.configBucket, replicas, undefined),
    ],
  };
}

/** Jobs that wait for a slot. With `discard: new`, a full stream refuses messages and never drops a job silently. */
function workStream(names: NatsNames, limits: NatsLimits, replicas: number): DesiredStream {
  return {
    name: names.workStream,
    description: 'Jobs that wait for a free slot',
    subjects: [names.workSubjects],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_consumers: workConsumersMax,
    max_msgs: limits.workMaxMessages,
    max_bytes: limits.workMaxBytes,
    max_msg_size: 128 * 1024,
    duplicate_window: nanos(workDuplicateWindowMs),
    allow_direct: true,
    allow_batched: true,
    num_replicas: replicas,
  };
}

interface EventsStream {
  readonly name: string;
  readonly n: number;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly replicas: number;
}

/**
 * Events of jobs. The transform removes the job id, so that the stream stores few subjects. Live subscribers still see
 * the id. All EVENTS streams store the same subjects; only one of them can take its messages from there.
 */
function eventsStream({ name, n, names, limits, replicas }: EventsStream): DesiredStream {
  const stored = [1, 2, 3].map((wildcard) => `{{wildcard(${wildcard})}}`).join('.');
  const subjects = n === 0 ? names.eventSubjects : names.eventInlet(n, '*', '*', '*');
  return {
    name,
    description: 'What happened to jobs, as CloudEvents',
    subjects: [subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(limits.eventsMaxAgeMs),
    max_bytes: limits.eventsMaxBytes,
    compression: StoreCompression.S2,
    duplicate_window: nanos(Math.min(eventsDuplicateWindowMs, limits.eventsMaxAgeMs)),
    subject_transform: { src: subjects, dest: `${names.root}.events.${stored}` },
    allow_direct: true,
    allow_batched: true,
    num_replicas: replicas,
  };
}

/**
 * A KV bucket as the NATS clients create it. Reads go to the leader (no direct get), because a lease must read its own
 * writes.
 */
function bucketStream(bucket: string, replicas: number, ttlMs: number | undefined): DesiredStream {
  return {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_bytes: 64 * 1024 * 1024,
    allow_rollup_hdrs: true,
    allow_direct: false,
    num_replicas: replicas,
    ...given({
      max_age: ttlMs === undefined ? undefined : nanos(ttlMs),
      duplicate_window: ttlMs === undefined ? undefined : nanos(Math.min(ttlMs, workDuplicateWindowMs)),
    }),
  };
}

/**
 * The consumer of a route: one literal subject, explicit ack, and no backoff list, which would replace the ack wait.
 * The server removes the consumer of a handler route after no node has pulled from it for a while, so that former needs
 * leave nothing behind. The messages stay in the stream.
 */
export function desiredConsumer(names: NatsNames, limits: NatsLimits, route: WorkRoute): DesiredConsumer {
  return {
    durable_name: consumerName(route),
    filter_subject: names.workSubject(route),
    ...given({ inactive_threshold: route.need === undefined ? undefined : nanos(limits.handlerRouteIdleMs) }),
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(limits.ackWaitMs),
    max_ack_pending: limits.maxAckPending,
    max_deliver: limits.maxDeliver,
    max_waiting: 4_096,
  };
}
