/**
 * An event subscription: a named place in the events of a tenant. Whoever may follow it reads them on NATS, from a durable
 * consumer on each stream that may hold events of its queues. The consumers follow from the subscription alone, so they can be
 * made again at any time.
 */
import type { JobEventType } from './job.ts';
import type { Range } from './setting-ranges.ts';

/** What is read, and how JetStream hands it out. */
export interface EventSettings {
  /** Empty: all queues of the tenant, also later ones. Sorted. */
  readonly queues: readonly string[];
  /** Empty: all events. Sorted. */
  readonly events: readonly JobEventType[];
  /** Epoch ms. Undefined: everything that the streams have kept. */
  readonly startAtMs?: number;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
  /** Undefined: an event is delivered until it is acknowledged. */
  readonly maxDeliver?: number;
  /** A subscription that nobody has read from for this time ends. */
  readonly idleMaxMs: number;
}

export interface EventSubscription extends EventSettings {
  readonly tenant: string;
  readonly name: string;
  readonly description: string;
  /**
   * Random, and known to nobody outside the tenant: names its consumers and the subjects on which its followers receive. A
   * subscription of the same name that is made later has another one.
   */
  readonly mark: string;
  readonly createdAtMs: number;
  /** The principal that created it. */
  readonly creator: string;
  /** When each stream on which it has a consumer was created, as JetStream says it. */
  readonly streams: Readonly<Record<string, string>>;
}

const hourMs = 3_600_000;

export const ackWaitRange: Range = { min: 1_000, max: hourMs, text: '1 second to 1 hour' };
export const ackPendingRange: Range = { min: 1, max: 10_000, text: '1 to 10,000', integer: true };
export const deliveriesRange: Range = { min: 1, max: 1_000, text: '1 to 1,000', integer: true };
export const subscriptionIdleRange: Range = { min: hourMs, max: 30 * 24 * hourMs, text: '1 hour to 30 days' };

/** What both Troupe and JetStream can write as a date. */
export const subscriptionStartRange: Range = { min: 0, max: 253_402_300_799_999, text: 'between 1970 and 9999' };

export const ackWaitDefaultMs = 30_000;
export const ackPendingDefault = 1_000;
/** As long as the streams keep events: whoever was away for longer misses some anyway. */
export const subscriptionIdleDefaultMs = 72 * hourMs;

export const subscriptionsPerTenantMax = 20;
/** Queues of a filter. With every event, that makes `16 × 9` subjects, which the server compares one by one. */
export const subscriptionQueuesMax = 16;
/**
 * Consumers of subscriptions on all streams together. From 2.15 on a server allows 1,000 of a stream, and each costs a group of
 * replicas.
 */
const consumersMax = 1_000;
const subscriptionsMax = 500;

/** Subscriptions of all tenants together. */
export function subscriptionsMaxWith(streams: number): number {
  return Math.min(subscriptionsMax, Math.floor(consumersMax / streams));
}

/** The name of its consumer, on every stream. Names of tenants and subscriptions cannot contain `=`. */
export function consumerOf({ tenant, name, mark }: Pick<EventSubscription, 'tenant' | 'name' | 'mark'>): string {
  return [tenant, name, mark].join('=');
}

/** A consumer of this form belongs to a subscription, whether it still exists or not. Others are none of our business. */
export const consumerPattern = /^[A-Za-z0-9_-]{1,64}=[A-Za-z0-9_-]{1,64}=[0-9a-f]{32}$/;

/** The subjects under which the streams hold what the subscription reads. They do not overlap. */
export function subscribedSubjects(
  root: string,
  { tenant, queues, events }: Pick<EventSubscription, 'tenant' | 'queues' | 'events'>,
): readonly string[] {
  const each = (words: readonly string[]): readonly string[] => (words.length === 0 ? ['*'] : words);
  return each(queues).flatMap((queue) => each(events).map((event) => `${root}.events.${tenant}.${queue}.${event}`));
}
