/**
 * Brings the consumers of JetStream in line with the event subscriptions, again and again, in every gateway:
 *
 * - A subscription without a consumer on a stream gets one: after a crash while it was made, when streams of events were added,
 *   or when JetStream has lost a stream. If JetStream has let go the consumer alone, it gets one if somebody is reading another.
 * - A subscription that has none of its consumers left, on streams that are the same as when they were made, has ended: JetStream
 *   has removed them because nobody read from them (`idleMaxMs`). Its record goes when two looks in a row have found that.
 * - A consumer whose subscription is gone is removed. Their names hold the mark of the subscription, so one that was made anew is
 *   never taken for its predecessor.
 */
import { consumerOf, consumerPattern, type EventSubscription } from '../../domain/event-subscription.ts';
import { ownValue } from '../../domain/own-value.ts';
import type { Document, DocumentStore } from '../ports/document-store.ts';
import type { EventConsumers, StreamConsumers } from '../ports/event-consumers.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { removeSubscription, wantedOf } from './manage-subscriptions.ts';
import { listSubscriptions, subscriptionBody, subscriptionOf } from './subscription-documents.ts';

export interface SubscriptionUpkeepParts {
  readonly documents: DocumentStore;
  readonly consumers: EventConsumers;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly log: Logger;
}

export interface SubscriptionUpkeep {
  /** One look. Rejects with what the store or JetStream says, once it has done what can be done. */
  look(): Promise<void>;
  /** Looks now and again each minute. */
  start(): void;
  stop(): void;
}

const lookMs = 60_000;

export function createSubscriptionUpkeep(parts: SubscriptionUpkeepParts): SubscriptionUpkeep {
  const { clock, log } = parts;
  /** Marks of the subscriptions that had no consumer at the last look. */
  let bare: ReadonlySet<string> = new Set();
  let cancel: (() => void) | undefined;
  let isStopped = false;
  /** A login without the rights for it fails each time. One line in the log says so. */
  let isFailing = false;

  async function look(): Promise<void> {
    const found = await lookOnce(parts, bare);
    bare = found.bare;
    if (found.failures.length > 0) throw found.failures[0];
  }

  async function lookAndWait(): Promise<void> {
    try {
      await look();
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn({ event: 'subscriptions.unkept', err: error }, 'event subscriptions are not looked after');
      isFailing = true;
    }
    // Stopping meanwhile is what the check is for.
    if (!isStopped) cancel = clock.setTimer(lookMs, () => void lookAndWait());
  }

  return {
    look,
    start: () => void lookAndWait(),
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}

interface Found {
  /** Marks of the subscriptions without a consumer. */
  readonly bare: ReadonlySet<string>;
  /** What could not be done, for each subscription or consumer. */
  readonly failures: readonly unknown[];
}

async function lookOnce(parts: SubscriptionUpkeepParts, before: ReadonlySet<string>): Promise<Found> {
  const { documents, consumers, log } = parts;
  // The streams first: a consumer that is seen was made after its record, so without a record it is left over.
  const found = await consumers.look();
  const records = await listSubscriptions(documents);
  const bare = new Set<string>();
  const failures: unknown[] = [];
  /** What one subscription lacks is no reason to leave the others of the cluster. */
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    await act().catch((error: unknown) => failures.push(error));
  };
  for (const record of records) {
    const subscription = subscriptionOf(record);
    if (!isBare(subscription, found)) {
      await attempt(() => complete(parts, record, found));
      continue;
    }
    const { tenant, name, mark } = subscription;
    if (!before.has(mark)) {
      bare.add(mark);
      continue;
    }
    await attempt(async () => {
      if (await removeSubscription(parts, record))
        log.info({ event: 'subscription.idle', tenant, subscription: name }, 'nobody read from an event subscription');
    });
  }
  const wanted = new Set(records.map((record) => consumerOf(subscriptionOf(record))));
  const present = new Set(found.flatMap((stream) => [...stream.consumers]));
  for (const consumer of present)
    if (consumerPattern.test(consumer) && !wanted.has(consumer)) await attempt(() => consumers.remove(consumer));
  return { bare, failures };
}

/** It had consumers, its streams are still those, and none of them is left. */
function isBare(subscription: EventSubscription, found: readonly StreamConsumers[]): boolean {
  const made = Object.entries(subscription.streams);
  const consumer = consumerOf(subscription);
  return (
    made.length > 0 &&
    made.every(([stream, created]) => {
      const now = found.find((other) => other.stream === stream);
      return now?.created === created && !now.consumers.has(consumer);
    })
  );
}

/**
 * All of its streams, or those that JetStream has not let go. If nobody is reading, JetStream has let one consumer go because it
 * was idle, and will the others: made again at each time, they would never all be gone.
 */
async function streamsToHave(
  consumers: EventConsumers,
  subscription: EventSubscription,
  found: readonly StreamConsumers[],
): Promise<readonly string[]> {
  const consumer = consumerOf(subscription);
  const all = consumers.streamsOf(subscription.tenant, subscription.queues);
  const isLetGo = (stream: string): boolean => {
    const now = found.find((other) => other.stream === stream);
    return now?.created === ownValue(subscription.streams, stream) && now?.consumers.has(consumer) === false;
  };
  const left = all.filter((stream) => !isLetGo(stream));
  if (left.length === all.length) return all;
  const figures = await consumers.figures(consumer, left);
  return figures.some(({ waiting, ackPending }) => waiting + ackPending > 0) ? all : left;
}

/** Makes what is missing, and notes which streams have it now. */
async function complete(
  { documents, consumers }: SubscriptionUpkeepParts,
  record: Document,
  found: readonly StreamConsumers[],
): Promise<void> {
  const subscription = subscriptionOf(record);
  const consumer = consumerOf(subscription);
  const wanted = await streamsToHave(consumers, subscription, found);
  const isDone = wanted.every((stream) => {
    const now = found.find((other) => other.stream === stream);
    return now?.consumers.has(consumer) === true && ownValue(subscription.streams, stream) === now.created;
  });
  if (isDone) return;
  const made = await consumers.ensure(wantedOf(subscription), wanted);
  const body = subscriptionBody({ ...subscription, streams: { ...subscription.streams, ...made } });
  const { outcome } = await documents.replaceDocument(record, { body, expectedRevision: record.revision });
  // It has ended meanwhile, and whoever ended it has looked for consumers before these were made.
  if (outcome === 'missing') await consumers.remove(consumer);
}
