/** Calls for the event subscriptions of the tenant. */
import { jobEventTypeCodes } from '../contract/codes.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs, toOptionalTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { given } from '../domain/given.ts';
import type { JobEventType } from '../domain/job.ts';
import type { CallParts } from './call-parts.ts';
import { incompleteAnswer } from './client-error.ts';
import { withRetries } from './retry.ts';

/** A named place in the events of a tenant, from which programs read them on NATS. */
export interface EventSubscriptionInfo {
  /** Unique in the tenant. */
  readonly name: string;
  /** What it is for. */
  readonly description: string;
  /** Queues whose events are read. Empty: all. */
  readonly queues: readonly string[];
  /** Events that are read. Empty: all. */
  readonly events: readonly (JobEventType | 'unknown')[];
  /** Events of this time and later are read. Absent: everything that was kept. */
  readonly startAt?: Date;
  /** An event that is not acknowledged within this time is delivered again. */
  readonly ackWaitMs: number;
  /** Events of one stream that may be delivered and not acknowledged yet. */
  readonly maxAckPending: number;
  /** Deliveries of one event. 0: until it is acknowledged. */
  readonly maxDeliver: number;
  /** The subscription ends when nobody has read from it for this time. */
  readonly idleTimeoutMs: number;
  /** When it was created. */
  readonly createdAt: Date;
  /** Who created it. */
  readonly creator: string;
  /** Name of its durable consumer on each of the streams. */
  readonly consumer: string;
  /** Streams that have the consumer. A follower reads all of them. */
  readonly streams: readonly string[];
  /** Subjects of its events. */
  readonly subjects: readonly string[];
  /** How to log in to NATS with the credential of a caller. Absent where NATS has other logins. */
  readonly login?: FollowerLoginInfo;
}

/** How a follower logs in to NATS. Its login may read one subscription, and nothing else. */
export interface FollowerLoginInfo {
  /** Addresses of NATS. May be empty. */
  readonly servers: readonly string[];
  /** User of the login. With an API key: this, a dot, and the id of the key. */
  readonly user: string;
  /** What the API of JetStream is called for this login. */
  readonly apiPrefix: string;
  /** Prefix of the subjects on which the client receives. */
  readonly inboxPrefix: string;
}

/** How far the followers of a subscription are on one stream. */
export interface EventBacklogInfo {
  /** Name of the stream. */
  readonly stream: string;
  /** Events that were not delivered yet. */
  readonly pending: number;
  /** Events that were delivered and not acknowledged yet. */
  readonly ackPending: number;
  /** Of these, the ones that were delivered more than once. */
  readonly redelivered: number;
  /** Requests for events that wait. 0: nobody is following. */
  readonly waiting: number;
}

/** What a new subscription reads. Absent: all events of all queues, from the oldest that is kept. */
export interface EventSubscriptionOptions {
  /** What it is for. */
  readonly description?: string;
  /** Queues whose events are read, at most 16. */
  readonly queues?: readonly string[];
  /** Events that are read. */
  readonly events?: readonly JobEventType[];
  /** Events of this time and later are read. */
  readonly startAt?: Date;
  /** 1 second to 1 hour. Default: 30 seconds. */
  readonly ackWaitMs?: number;
  /** 1 to 10,000. Default: 1,000. */
  readonly maxAckPending?: number;
  /** 1 to 1,000. Default: until it is acknowledged. */
  readonly maxDeliver?: number;
  /** 1 hour to 30 days. Default: 72 hours. */
  readonly idleTimeoutMs?: number;
}

/** Calls about a subscription that does not exist reject with SUBSCRIPTION_NOT_FOUND. */
export interface EventsClient {
  /** Makes a subscription. Rejects with SUBSCRIPTION_EXISTS or LIMIT_REACHED. */
  create(name: string, options?: EventSubscriptionOptions): Promise<EventSubscriptionInfo>;
  /** Returns a subscription, and how far its followers are on each stream. */
  get(name: string): Promise<EventSubscriptionInfo & { readonly backlog: readonly EventBacklogInfo[] }>;
  /** Returns all subscriptions of the tenant, by name. */
  list(): Promise<readonly EventSubscriptionInfo[]>;
  /** Ends a subscription. */
  delete(name: string): Promise<void>;
}

export function createEventsClient({ connection, contract, backoff }: CallParts): EventsClient {
  const { events } = contract;
  /** Repeated only if nothing was done. */
  const change = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'if-not-done', undefined, call);
  const read = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'always', undefined, call);

  return {
    async create(name, options = {}) {
      const request = { name, ...toRequest(options) };
      const { subscription } = await change(() => connection.unary(events.CreateEventSubscription, request));
      return fromSubscription(subscription);
    },
    async get(name) {
      const answer = await read(() => connection.unary(events.GetEventSubscription, { name }));
      return { ...fromSubscription(answer.subscription), backlog: answer.backlog.map(fromBacklog) };
    },
    async list() {
      const { subscriptions } = await read(() => connection.unary(events.ListEventSubscriptions, {}));
      return subscriptions.map(fromSubscription);
    },
    async delete(name) {
      await change(() => connection.unary(events.DeleteEventSubscription, { name }));
    },
  };
}

function toRequest({ description = '', queues = [], events = [], ...rest }: EventSubscriptionOptions) {
  const { startAt, ackWaitMs, maxAckPending = 0, maxDeliver = 0, idleTimeoutMs } = rest;
  return {
    description,
    queues: [...queues],
    events: events.map((event) => jobEventTypeCodes[event]),
    startTime: toOptionalTime(startAt?.getTime()),
    ackWait: toOptionalTime(ackWaitMs),
    maxAckPending,
    maxDeliver,
    idleTimeout: toOptionalTime(idleTimeoutMs),
  };
}

function fromSubscription(subscription: wire.EventSubscription | null): EventSubscriptionInfo {
  if (!subscription) throw incompleteAnswer('the gateway answered without an event subscription');
  const { name, description, queues, creator, maxAckPending, maxDeliver, source } = subscription;
  const startAtMs = timestampMs(subscription.startTime);
  return {
    name,
    description,
    queues,
    events: subscription.events.map((code) => wordOf(jobEventTypeCodes, code) ?? 'unknown'),
    ...given({ startAt: startAtMs === undefined ? undefined : new Date(startAtMs) }),
    ackWaitMs: durationMs(subscription.ackWait) ?? Number.NaN,
    maxAckPending,
    maxDeliver,
    idleTimeoutMs: durationMs(subscription.idleTimeout) ?? Number.NaN,
    createdAt: new Date(timestampMs(subscription.createTime) ?? Number.NaN),
    creator,
    consumer: source?.consumer ?? '',
    streams: source?.streams ?? [],
    subjects: source?.subjects ?? [],
    ...given({ login: source?.login ?? undefined }),
  };
}

function fromBacklog({ stream, pending, ackPending, redelivered, waiting }: wire.EventBacklog): EventBacklogInfo {
  return {
    stream,
    pending: numberOf(pending),
    ackPending: numberOf(ackPending),
    redelivered: numberOf(redelivered),
    waiting: numberOf(waiting),
  };
}
