/** The messages of the service Events. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Duration, Int64, Timestamp } from './shared-messages.ts';

export interface EventSubscription {
  readonly name: string;
  readonly description: string;
  readonly queues: readonly string[];
  readonly events: readonly number[];
  readonly startTime: Timestamp | null;
  readonly ackWait: Duration | null;
  readonly maxAckPending: number;
  readonly maxDeliver: number;
  readonly idleTimeout: Duration | null;
  readonly createTime: Timestamp | null;
  readonly creator: string;
  readonly source: EventSource | null;
}

export interface EventSource {
  readonly consumer: string;
  readonly streams: readonly string[];
  readonly subjects: readonly string[];
  readonly login: FollowerLogin | null;
}

export interface FollowerLogin {
  readonly servers: readonly string[];
  readonly user: string;
  readonly apiPrefix: string;
  readonly inboxPrefix: string;
}

export interface EventBacklog {
  readonly stream: string;
  readonly pending: Int64;
  readonly ackPending: Int64;
  readonly redelivered: Int64;
  readonly waiting: Int64;
}

export interface CreateEventSubscriptionRequest {
  readonly name: string;
  readonly description: string;
  readonly queues: readonly string[];
  readonly events: readonly number[];
  readonly startTime: Timestamp | null;
  readonly ackWait: Duration | null;
  readonly maxAckPending: number;
  readonly maxDeliver: number;
  readonly idleTimeout: Duration | null;
}

export interface CreateEventSubscriptionResponse {
  readonly subscription: EventSubscription | null;
}

export interface GetEventSubscriptionRequest {
  readonly name: string;
}

export interface GetEventSubscriptionResponse {
  readonly subscription: EventSubscription | null;
  readonly backlog: readonly EventBacklog[];
}

export type ListEventSubscriptionsRequest = Readonly<Record<string, never>>;

export interface ListEventSubscriptionsResponse {
  readonly subscriptions: readonly EventSubscription[];
}

export interface DeleteEventSubscriptionRequest {
  readonly name: string;
}

export type DeleteEventSubscriptionResponse = Readonly<Record<string, never>>;

/** Request and response of each method. */
export interface EventsMethods {
  readonly CreateEventSubscription: readonly [CreateEventSubscriptionRequest, CreateEventSubscriptionResponse];
  readonly GetEventSubscription: readonly [GetEventSubscriptionRequest, GetEventSubscriptionResponse];
  readonly ListEventSubscriptions: readonly [ListEventSubscriptionsRequest, ListEventSubscriptionsResponse];
  readonly DeleteEventSubscription: readonly [DeleteEventSubscriptionRequest, DeleteEventSubscriptionResponse];
}
