/** The consumers of event subscriptions. Each is durable and pulled, and JetStream removes it when nobody has pulled for long. */
import { AckPolicy, type ConsumerConfig, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type {
  ConsumerFigures,
  EventConsumers,
  StreamConsumers,
  WantedConsumer,
} from '../../application/ports/event-consumers.ts';
import { subscribedSubjects } from '../../domain/event-subscription.ts';
import { given } from '../../domain/given.ts';
import { apiCodeOf, apiCodes, brokerError } from './broker-error.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import type { Topology } from './topology.ts';

export interface EventConsumersOptions {
  readonly link: NatsLink;
  readonly names: NatsNames;
  readonly topology: Topology;
  readonly limits: NatsLimits;
}

/** Of one consumer: pulls that wait, and events of one pull. */
const pullsMax = 64;
const pullBatchMax = 1_000;
/**
 * How long a pull may wait. The account of the followers forgets where its answer goes after 2 minutes without one, and the event
 * would be delivered to nobody.
 */
const pullExpiresMaxMs = 60_000;
/** Of JetStream. */
const namesPage = 1_024;

export function createEventConsumers(options: EventConsumersOptions): EventConsumers {
  const { names, topology } = options;
  const streams = names.eventsStreams;
  const created = async (stream: string): Promise<string> => {
    const manager = await topology.manager();
    return (await manager.streams.info(stream)).created;
  };
  return {
    streams,
    streamsOf(tenant, queues) {
      if (queues.length === 0) return streams;
      const homes = new Set(queues.flatMap((queue) => names.eventHomes(tenant, queue)));
      return [...homes].sort((one, other) => one - other).map((home) => names.eventsStream(home));
    },
    subjectsOf: (wanted) => subscribedSubjects(names.root, wanted),
    async ensure(wanted, chosen) {
      const config = configOf(names.root, wanted);
      const made = await translated(() =>
        Promise.all(
          chosen.map(async (stream): Promise<[string, string]> => {
            // Before the consumer: if the stream is made anew between the two, the upkeep sees that it is another one.
            const since = await created(stream);
            await add(topology, stream, config);
            return [stream, since];
          }),
        ),
      );
      return Object.fromEntries(made);
    },
    async remove(consumer) {
      await translated(() => Promise.all(streams.map((stream) => remove(topology, stream, consumer))));
    },
    async figures(consumer, chosen) {
      const found = await translated(() => Promise.all(chosen.map((stream) => figuresOf(topology, stream, consumer))));
      return found.flatMap((figures) => (figures === undefined ? [] : [figures]));
    },
    look: () =>
      translated(() =>
        Promise.all(
          streams.map(async (stream): Promise<StreamConsumers> => {
            return { stream, created: await created(stream), consumers: await consumersOf(options, stream) };
          }),
        ),
      ),
  };
}

async function translated<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw brokerError(error);
  }
}

function configOf(root: string, wanted: WantedConsumer): Partial<ConsumerConfig> & { readonly durable_name: string } {
  const { consumer, description, startAtMs, ackWaitMs, maxAckPending, maxDeliver, idleMaxMs } = wanted;
  const subjects = subscribedSubjects(root, wanted);
  const [first] = subjects;
  return {
    durable_name: consumer,
    description,
    ...(subjects.length === 1 && first !== undefined ? { filter_subject: first } : { filter_subjects: [...subjects] }),
    deliver_policy: startAtMs === undefined ? DeliverPolicy.All : DeliverPolicy.StartTime,
    ...given({ opt_start_time: startAtMs === undefined ? undefined : new Date(startAtMs).toISOString() }),
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
    max_deliver: maxDeliver ?? -1,
    inactive_threshold: nanos(idleMaxMs),
    max_waiting: pullsMax,
    max_batch: pullBatchMax,
    max_expires: nanos(pullExpiresMaxMs),
  };
}

async function add(
  topology: Topology,
  stream: string,
  config: Partial<ConsumerConfig> & { readonly durable_name: string },
): Promise<void> {
  const { consumers } = await topology.manager();
  try {
    await consumers.add(stream, { ...config });
  } catch (error) {
    // One that was made by a version with other bounds stays as it is.
    if (apiCodeOf(error) !== apiCodes.consumerExists) throw error;
  }
}

async function remove(topology: Topology, stream: string, consumer: string): Promise<void> {
  const { consumers } = await topology.manager();
  try {
    await consumers.delete(stream, consumer);
  } catch (error) {
    const code = apiCodeOf(error);
    if (code !== apiCodes.consumerNotFound && code !== apiCodes.streamNotFound) throw error;
  }
}

async function figuresOf(topology: Topology, stream: string, consumer: string): Promise<ConsumerFigures | undefined> {
  const { consumers } = await topology.manager();
  try {
    const info = await consumers.info(stream, consumer);
    return {
      stream,
      pending: info.num_pending,
      ackPending: info.num_ack_pending,
      redelivered: info.num_redelivered,
      waiting: info.num_waiting,
    };
  } catch (error) {
    const code = apiCodeOf(error);
    if (code === apiCodes.consumerNotFound || code === apiCodes.streamNotFound) return undefined;
    throw error;
  }
}

interface NamesPage {
  readonly total?: number;
  readonly consumers?: readonly string[] | null;
  readonly error?: { readonly description?: string };
}

/** The client lists consumers only with all that is known of them, which costs the server a question to each leader. */
async function consumersOf({ link, limits }: EventConsumersOptions, stream: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let offset = 0; ; offset += namesPage) {
    link.assertConnected();
    const request = JSON.stringify({ offset });
    const answer = await link.connection.request(`$JS.API.CONSUMER.NAMES.${stream}`, request, {
      timeout: limits.apiTimeoutMs,
    });
    const { total = 0, consumers, error } = answer.json<NamesPage>();
    if (error !== undefined) throw new Error(error.description ?? 'JetStream lists no consumers');
    for (const name of consumers ?? []) found.add(name);
    if (offset + namesPage >= total) return found;
  }
}
