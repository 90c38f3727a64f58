/** The methods of Events: subscriptions to the events of jobs. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CreateSubscription, ManageSubscriptions } from '../application/events/manage-subscriptions.ts';
import type { Init } from '../contract/codec.ts';
import { jobEventTypeCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs, toOptionalTime, toTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { followerApi, followerInbox, followerUser } from '../domain/event-follower.ts';
import type { EventSubscription } from '../domain/event-subscription.ts';
import { given } from '../domain/given.ts';
import type { FollowersPlace, ServiceParts } from './service-parts.ts';

export function eventsService({
  scope,
  useCases: { subscriptions },
  followers,
}: Pick<ServiceParts, 'scope' | 'useCases' | 'followers'>): UntypedServiceImplementation {
  const toSubscription = (view: View): Init<wire.EventSubscription> => subscriptionOf(view, followers);
  return {
    CreateEventSubscription: scope.unary('CreateEventSubscription', async (request, context) => ({
      subscription: toSubscription(await subscriptions.create(context, fromRequest(request))),
    })),

    GetEventSubscription: scope.read('GetEventSubscription', async ({ name }, context) => {
      const view = await subscriptions.get(context, name);
      return { subscription: toSubscription(view), backlog: [...view.backlog] };
    }),

    ListEventSubscriptions: scope.read('ListEventSubscriptions', async (_request, context) => ({
      subscriptions: (await subscriptions.list(context)).map(toSubscription),
    })),

    DeleteEventSubscription: scope.unary('DeleteEventSubscription', async ({ name }, context) => {
      await subscriptions.remove(context, name);
      return {};
    }),
  };
}

function fromRequest(request: wire.CreateEventSubscriptionRequest): CreateSubscription {
  const { name, description, queues, events, startTime, ackWait, maxAckPending, maxDeliver, idleTimeout } = request;
  return {
    name,
    description,
    queues,
    events: events.map((code) => wordOf(jobEventTypeCodes, code)),
    startAtMs: timestampMs(startTime),
    ackWaitMs: durationMs(ackWait),
    maxAckPending,
    maxDeliver,
    idleMaxMs: durationMs(idleTimeout),
  };
}

type View = Awaited<ReturnType<ManageSubscriptions['create']>>;

function subscriptionOf(
  { subscription, consumer, subjects }: View,
  followers: FollowersPlace | undefined,
): Init<wire.EventSubscription> {
  const { name, description, queues, events, creator } = subscription;
  return {
    name,
    description,
    queues: [...queues],
    events: events.map((event) => jobEventTypeCodes[event]),
    startTime: toOptionalTime(subscription.startAtMs),
    ackWait: toTime(subscription.ackWaitMs),
    maxAckPending: subscription.maxAckPending,
    maxDeliver: subscription.maxDeliver ?? 0,
    idleTimeout: toTime(subscription.idleMaxMs),
    createTime: toTime(subscription.createdAtMs),
    creator,
    source: {
      consumer,
      streams: Object.keys(subscription.streams).sort(),
      subjects: [...subjects],
      ...given({ login: followers && loginOf(subscription, followers) }),
    },
  };
}

function loginOf({ tenant, name, mark }: EventSubscription, { servers, subjectRoot }: FollowersPlace) {
  return {
    servers: [...servers],
    user: followerUser({ tenant, subscription: name }),
    apiPrefix: followerApi(subjectRoot),
    inboxPrefix: followerInbox(mark),
  };
}
