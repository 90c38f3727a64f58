/**
 * Makes, shows and ends the event subscriptions of a tenant. The record is written first and removed first, and the consumers
 * follow from it. What a crash leaves between the two is finished by `subscription-upkeep.ts`.
 */
import {
  ackPendingDefault,
  ackPendingRange,
  ackWaitDefaultMs,
  ackWaitRange,
  consumerOf,
  deliveriesRange,
  type EventSubscription,
  subscriptionIdleDefaultMs,
  subscriptionIdleRange,
  subscriptionQueuesMax,
  subscriptionsMaxWith,
  subscriptionsPerTenantMax,
  subscriptionStartRange,
} from '../../domain/event-subscription.ts';
import { changesBetween } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { type JobEventType, jobEventTypes } from '../../domain/job.ts';
import { namePattern } from '../../domain/queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { Document, DocumentStore } from '../ports/document-store.ts';
import type { ConsumerFigures, EventConsumers, WantedConsumer } from '../ports/event-consumers.ts';
import type { Clock } from '../ports/runtime.ts';
import { TenantTurns } from './tenant-turns.ts';
import {
  listOfTenant,
  listSubscriptions,
  subscriptionBody,
  subscriptionOf,
  subscriptionPlace,
} from './subscription-documents.ts';

export interface CreateSubscription {
  readonly name: string;
  readonly description: string;
  readonly queues: readonly string[];
  /** Undefined stands for a number of the contract that means no event. */
  readonly events: readonly (JobEventType | undefined)[];
  readonly startAtMs: number | undefined;
  readonly ackWaitMs: number | undefined;
  /** 0: the default. */
  readonly maxAckPending: number;
  /** 0: no limit. */
  readonly maxDeliver: number;
  readonly idleMaxMs: number | undefined;
}

/** A subscription, and where its events are. */
interface SubscriptionView {
  readonly subscription: EventSubscription;
  readonly consumer: string;
  readonly subjects: readonly string[];
}

/** Every call is for the tenant of the caller. */
export interface ManageSubscriptions {
  /** Rejects with SUBSCRIPTION_EXISTS, LIMIT_REACHED or BROKER_UNAVAILABLE. After the last, the subscription may be there. */
  create(context: CallContext, request: CreateSubscription): Promise<SubscriptionView>;
  get(context: CallContext, name: string): Promise<SubscriptionView & { readonly backlog: readonly ConsumerFigures[] }>;
  /** By name, ascending. */
  list(context: CallContext): Promise<readonly SubscriptionView[]>;
  remove(context: CallContext, name: string): Promise<void>;
}

export interface SubscriptionParts {
  readonly documents: DocumentStore;
  readonly consumers: EventConsumers;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Buffer;
}

const descriptionMax = 256;
const markBytes = 16;

export function createManageSubscriptions(parts: SubscriptionParts): ManageSubscriptions {
  const { documents, consumers, clock } = parts;
  const turns = new TenantTurns();
  return {
    async create(context, request) {
      check(request);
      const document = await turns.take(context.tenant, () => {
        ensureAwaited(context, clock.nowMs());
        return writeSubscription(parts, context, request);
      });
      return makeConsumers(parts, document);
    },

    async get(context, name) {
      ensureAwaited(context, clock.nowMs());
      const view = viewOf(parts, subscriptionOf(await findSubscription(documents, context.tenant, name)));
      const streams = Object.keys(view.subscription.streams);
      return { ...view, backlog: await consumers.figures(view.consumer, streams) };
    },

    async list(context) {
      ensureAwaited(context, clock.nowMs());
      const found = await listOfTenant(documents, context.tenant, subscriptionsPerTenantMax * 2);
      return found.map((document) => viewOf(parts, subscriptionOf(document)));
    },

    async remove(context, name) {
      ensureAwaited(context, clock.nowMs());
      const document = await findSubscription(documents, context.tenant, name);
      const subscription = subscriptionOf(document);
      if (!(await removeSubscription(parts, document))) throw subscriptionNotFound(name);
      context.report?.({ changes: changesBetween(settingsOf(subscription), undefined) });
    },
  };
}

/** Returns false if somebody else was faster. */
export async function removeSubscription(
  {
    documents,
    consumers,
  }: Pick<SubscriptionParts, 'documents'> & { readonly consumers: Pick<EventConsumers, 'remove'> },
  document: Document,
): Promise<boolean> {
  let present: Document | undefined = document;
  const { mark } = subscriptionOf(document);
  // The upkeep may note meanwhile which streams have a consumer.
  while (present !== undefined && subscriptionOf(present).mark === mark) {
    const outcome = await documents.removeDocument(present, { expectedRevision: present.revision });
    if (outcome === 'removed') {
      await consumers.remove(consumerOf(subscriptionOf(document)));
      return true;
    }
    present = await documents.findDocument(present);
  }
  return false;
}

/** What a subscription asks of JetStream. */
export function wantedOf(subscription: EventSubscription): WantedConsumer {
  const { tenant, name, queues, events, startAtMs, ackWaitMs, maxAckPending, maxDeliver, idleMaxMs } = subscription;
  return {
    tenant,
    consumer: consumerOf(subscription),
    description: `event subscription ${name} of the tenant ${tenant}`,
    queues,
    events,
    ackWaitMs,
    maxAckPending,
    idleMaxMs,
    ...given({ startAtMs, maxDeliver }),
  };
}

async function writeSubscription(
  parts: SubscriptionParts,
  { tenant, principal, report }: CallContext,
  request: CreateSubscription,
): Promise<Document> {
  const { documents, clock, randomBytes } = parts;
  const { name, description, startAtMs, maxDeliver } = request;
  await ensureRoom(parts, { tenant, name });
  const made: EventSubscription = {
    tenant,
    name,
    description,
    mark: randomBytes(markBytes).toString('hex'),
    queues: [...new Set(request.queues)].sort(),
    events: jobEventTypes.filter((type) => request.events.includes(type)),
    ackWaitMs: request.ackWaitMs ?? ackWaitDefaultMs,
    maxAckPending: request.maxAckPending === 0 ? ackPendingDefault : request.maxAckPending,
    idleMaxMs: request.idleMaxMs ?? subscriptionIdleDefaultMs,
    ...given({ startAtMs, maxDeliver: maxDeliver === 0 ? undefined : maxDeliver }),
    createdAtMs: clock.wallMs(),
    creator: principal.id,
    streams: {},
  };
  const { outcome, document } = await documents.createDocument(subscriptionPlace(made), subscriptionBody(made));
  if (outcome === 'exists') throw new TroupeError('SUBSCRIPTION_EXISTS', { metadata: { subscription: name } });
  report?.({ changes: changesBetween(undefined, settingsOf(made)) });
  return document;
}

async function makeConsumers(parts: SubscriptionParts, document: Document): Promise<SubscriptionView> {
  const { documents, consumers } = parts;
  const made = subscriptionOf(document);
  const streams = await consumers.ensure(wantedOf(made), consumers.streamsOf(made.tenant, made.queues));
  const subscription = { ...made, streams };
  // On a conflict the upkeep was faster, or somebody has ended the subscription again.
  await documents.replaceDocument(document, {
    body: subscriptionBody(subscription),
    expectedRevision: document.revision,
  });
  return viewOf(parts, subscription);
}

function check(request: CreateSubscription): void {
  const { name, description, queues, events, startAtMs, ackWaitMs, maxAckPending, maxDeliver, idleMaxMs } = request;
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  checks.length('description', description, descriptionMax);
  if (queues.length > subscriptionQueuesMax) checks.add('queues', `must name at most ${subscriptionQueuesMax} queues`);
  else queues.forEach((queue, index) => checks.pattern(`queues[${index}]`, queue, namePattern));
  events.slice(0, jobEventTypes.length).forEach((event, index) => {
    if (event === undefined) checks.add(`events[${index}]`, 'is not an event');
  });
  if (events.length > jobEventTypes.length) checks.add('events', `must name at most ${jobEventTypes.length} events`);
  checks.range('start_time', startAtMs, subscriptionStartRange);
  checks.range('ack_wait', ackWaitMs, ackWaitRange);
  checks.limit('max_ack_pending', maxAckPending, ackPendingRange);
  checks.limit('max_deliver', maxDeliver, deliveriesRange);
  checks.range('idle_timeout', idleMaxMs, subscriptionIdleRange);
  checks.ensureNone();
}

/** Subscriptions that are made at the same time in several gateways, or by several tenants, may pass together. */
async function ensureRoom(
  { documents, consumers }: SubscriptionParts,
  { tenant, name }: { readonly tenant: string; readonly name: string },
): Promise<void> {
  const own = await listOfTenant(documents, tenant, subscriptionsPerTenantMax);
  if (own.some((document) => subscriptionOf(document).name === name)) return;
  if (own.length >= subscriptionsPerTenantMax) throw limitReached('the tenant', own.length, subscriptionsPerTenantMax);
  const most = subscriptionsMaxWith(consumers.streams.length);
  const all = await listSubscriptions(documents);
  if (all.length >= most) throw limitReached('the cluster', all.length, most);
}

function limitReached(whose: string, used: number, limit: number): TroupeError {
  const message = `${whose} has ${limit} event subscriptions, which is the limit`;
  const metadata = { quota: 'eventSubscriptions', limit: String(limit), used: String(used) };
  return new TroupeError('LIMIT_REACHED', { message, metadata });
}

async function findSubscription(documents: DocumentStore, tenant: string, name: string): Promise<Document> {
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  checks.ensureNone();
  const document = await documents.findDocument(subscriptionPlace({ tenant, name }));
  if (document === undefined) throw subscriptionNotFound(name);
  return document;
}

function subscriptionNotFound(subscription: string): TroupeError {
  return new TroupeError('SUBSCRIPTION_NOT_FOUND', { metadata: { subscription } });
}

function viewOf(
  { consumers }: Pick<SubscriptionParts, 'consumers'>,
  subscription: EventSubscription,
): SubscriptionView {
  return { subscription, consumer: consumerOf(subscription), subjects: consumers.subjectsOf(subscription) };
}

/** What people set, without what gives access to the events. */
function settingsOf(subscription: EventSubscription): Readonly<Record<string, unknown>> {
  const { description, queues, events, startAtMs, ackWaitMs, maxAckPending, maxDeliver, idleMaxMs } = subscription;
  return { description, queues, events, startAtMs, ackWaitMs, maxAckPending, maxDeliver, idleMaxMs };
}
