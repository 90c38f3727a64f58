/** The durable consumers of event subscriptions, as JetStream has them. */
import type { EventSettings } from '../../domain/event-subscription.ts';

/** What a consumer is made of. */
export interface WantedConsumer extends EventSettings {
  readonly tenant: string;
  /** The same on every stream. */
  readonly consumer: string;
  /** For whoever looks at JetStream itself. */
  readonly description: string;
}

/** How far the followers of one consumer are. */
export interface ConsumerFigures {
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

/** A stream of events as it is now. */
export interface StreamConsumers {
  readonly stream: string;
  /** When it was created. Another value: it is another stream, and has none of the consumers of the former one. */
  readonly created: string;
  readonly consumers: ReadonlySet<string>;
}

/** Every call rejects with BROKER_UNAVAILABLE if JetStream does not answer, or refuses. */
export interface EventConsumers {
  /** All streams of events. */
  readonly streams: readonly string[];
  /** Those that hold events of the queues, or may do. All, if no queue is named. */
  streamsOf(tenant: string, queues: readonly string[]): readonly string[];
  /** The subjects under which they hold what is wanted. */
  subjectsOf(wanted: Pick<WantedConsumer, 'tenant' | 'queues' | 'events'>): readonly string[];
  /** Makes the consumer on each of the streams where it is not there. Returns when each of the streams was created. */
  ensure(wanted: WantedConsumer, streams: readonly string[]): Promise<Readonly<Record<string, string>>>;
  /** Removes the consumer from every stream that has it. */
  remove(consumer: string): Promise<void>;
  /** Of the streams that have the consumer. */
  figures(consumer: string, streams: readonly string[]): Promise<readonly ConsumerFigures[]>;
  look(): Promise<readonly StreamConsumers[]>;
}
