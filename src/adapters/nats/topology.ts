/**
 * Creates missing streams, buckets and consumers, and verifies existing ones. It never changes an existing asset: it
 * reports the difference, and an operator decides. Several processes may do this at the same time.
 */
import {
  type ConsumerInfo,
  jetstreamManager,
  type JetStreamManager,
  type StreamAPI,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { WorkRoute, WorkStanding } from '../../application/ports/bus.ts';
import type { Logger } from '../../application/ports/runtime.ts';
import { apiCodeOf, apiCodes, brokerError, isForbidden } from './broker-error.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import {
  desiredConsumer,
  type DesiredConsumer,
  type DesiredStream,
  desiredStreams,
  type DesiredStreams,
} from './stream-configs.ts';

/** One field of an asset that differs from the wanted configuration. */
export interface Difference {
  readonly asset: string;
  readonly field: string;
  readonly wanted: string;
  readonly found: string;
}

/** Identifies WORK and all EVENTS streams. */
export interface StreamIdentity {
  /** Creation times. They change exactly if a stream was recreated. */
  readonly created: string;
  /** The position of the last message that each stream ever accepted, by the name of the stream. */
  readonly lastPlaces: ReadonlyMap<string, number>;
}

/** Identifies all buckets, always in the same order. */
export interface BucketIdentity {
  readonly created: string;
  readonly lastPlaces: readonly number[];
}

export interface TopologyOptions {
  readonly link: NatsLink;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly replicas: number;
  readonly log: Logger;
}

export class Topology {
  readonly #options: TopologyOptions;
  readonly #desired: DesiredStreams;
  /** Streams whose messages this login may not read. Each is logged once. */
  readonly #forbidden = new Set<string>();
  readonly #differences = new Map<string, Difference>();
  readonly #maxAgeMs = new Map<string, number>();
  #manager: JetStreamManager | undefined;

  constructor(options: TopologyOptions) {
    this.#options = options;
    this.#desired = desiredStreams(options.names, options.limits, options.replicas);
  }

  get differences(): readonly Difference[] {
    return [...this.#differences.values()];
  }

  async ensureStreams(): Promise<StreamIdentity> {
    const { work, events } = this.#desired;
    const ensure = (some: readonly DesiredStream[]): Promise<StreamInfo[]> =>
      Promise.all(some.map((desired) => this.#ensureStream(desired)));
    // Further streams of events come last, so that what every cluster needs gets the disk that there is.
    const infos = [...(await ensure([work, ...events.slice(0, 1)])), ...(await ensure(events.slice(1)))];
    const lastPlaces = new Map(infos.map(({ config, state }) => [config.name, state.last_seq]));
    return { created: createdOf(infos), lastPlaces };
  }

  async ensureBuckets(): Promise<BucketIdentity> {
    const infos = await Promise.all(this.#desired.buckets.map((desired) => this.#ensureStream(desired)));
    return { created: createdOf(infos), lastPlaces: infos.map(({ state }) => state.last_seq) };
  }

  /** The id of the message at a position. Undefined if the message is gone or this login may not read it. */
  async messageIdAt(stream: string, place: number): Promise<string | undefined> {
    const { log } = this.#options;
    try {
      const message = await (await this.manager()).streams.getMessage(stream, { seq: place });
      return message?.header.get('Nats-Msg-Id');
    } catch (error) {
      if (!isForbidden(error)) throw brokerError(error);
      if (!this.#forbidden.has(stream))
        log.warn({ stream }, 'no permission to read messages of this stream, so a loss may go unnoticed');
      this.#forbidden.add(stream);
      return undefined;
    }
  }

  async workStanding(routes: readonly WorkRoute[]): Promise<WorkStanding> {
    try {
      const { streams } = await this.manager();
      const { workStream } = this.#options.names;
      const asked = routes.map((route) => this.#firstPlace(streams, route));
      const [{ state }, firsts] = await Promise.all([streams.info(workStream), Promise.all(asked)]);
      return { last: state.last_seq, firsts };
    } catch (error) {
      throw brokerError(error);
    }
  }

  /**
   * The position of the oldest unacknowledged message of a route. The leader is asked, because a replica may lag
   * behind.
   */
  async #firstPlace(streams: StreamAPI, route: WorkRoute): Promise<number | undefined> {
    const { names } = this.#options;
    // The server accepts `next_by_subj` here as in a direct get, but the client's type does not declare it.
    const query = { seq: 1, next_by_subj: names.workSubject(route) };
    return (await streams.getMessage(names.workStream, query))?.seq;
  }

  /** The ttl of a bucket's keys as configured on the server, which may differ from what was wanted. 0: no expiry. */
  ttlMs(bucket: string): number {
    return this.#maxAgeMs.get(`KV_${bucket}`) ?? 0;
  }

  /**
   * It is looked for first: to create one that is there costs the server ten times as much, and a node that starts asks
   * for all.
   */
  async ensureConsumer(route: WorkRoute): Promise<void> {
    const { names, limits } = this.#options;
    const desired = desiredConsumer(names, limits, route);
    const asset = `${names.workStream}/${desired.durable_name}`;
    try {
      const info = (await this.#findConsumer(desired.durable_name)) ?? (await this.#createConsumer(desired));
      this.#compare(asset, desired, info.config);
    } catch (error) {
      throw brokerError(error);
    }
  }

  /** Removes the consumer of a route. Its messages wait for the next consumer of their subject. */
  async removeConsumer(route: WorkRoute): Promise<void> {
    const { names, limits } = this.#options;
    const { durable_name: name } = desiredConsumer(names, limits, route);
    try {
      const { consumers } = await this.manager();
      await consumers.delete(names.workStream, name);
    } catch (error) {
      if (apiCodeOf(error) !== apiCodes.consumerNotFound) throw brokerError(error);
    }
  }

  /** The subjects of the work stream that hold messages, with their counts. */
  async workSubjects(): Promise<ReadonlyMap<string, number>> {
    const { workStream, workSubjects } = this.#options.names;
    try {
      const { state } = await (await this.manager()).streams.info(workStream, { subjects_filter: workSubjects });
      return new Map(Object.entries(state.subjects ?? {}));
    } catch (error) {
      throw brokerError(error);
    }
  }

  async manager(): Promise<JetStreamManager> {
    this.#options.link.assertConnected();
    this.#manager ??= await jetstreamManager(this.#options.link.connection, {
      checkAPI: false,
      timeout: this.#options.limits.apiTimeoutMs,
    });
    return this.#manager;
  }

  async #ensureStream(desired: DesiredStream): Promise<StreamInfo> {
    try {
      const info = (await this.#findStream(desired.name)) ?? (await this.#createStream(desired));
      this.#compare(desired.name, desired, info.config);
      this.#maxAgeMs.set(desired.name, info.config.max_age / 1e6);
      return info;
    } catch (error) {
      const isFurther = this.#options.names.eventsStreams.indexOf(desired.name) > 0;
      throw brokerError(error, `${desired.name}${isFurther ? ', which nats.eventStreams asks for' : ''}`);
    }
  }

  async #findStream(name: string): Promise<StreamInfo | undefined> {
    try {
      return await (await this.manager()).streams.info(name);
    } catch (error) {
      if (apiCodeOf(error) === apiCodes.streamNotFound) return undefined;
      throw error;
    }
  }

  async #createStream(desired: DesiredStream): Promise<StreamInfo> {
    const { streams } = await this.manager();
    try {
      const info = await streams.add({ ...desired });
      this.#options.log.info({ stream: desired.name }, 'stream created');
      return info;
    } catch (error) {
      // Another process has created it with a different configuration. That one stays, and the difference is reported.
      if (apiCodeOf(error) === apiCodes.streamNameInUse) return await streams.info(desired.name);
      // The account allows fewer consumers than wanted. Its own number then holds, and the difference is reported.
      const { max_consumers: consumersMax, ...rest } = desired;
      if (consumersMax !== undefined && apiCodeOf(error) === apiCodes.consumersMaxReached)
        return this.#createStream(rest);
      throw error;
    }
  }

  async #findConsumer(name: string): Promise<ConsumerInfo | undefined> {
    const { consumers } = await this.manager();
    try {
      return await consumers.info(this.#options.names.workStream, name);
    } catch (error) {
      if (apiCodeOf(error) === apiCodes.consumerNotFound) return undefined;
      throw error;
    }
  }

  async #createConsumer(desired: DesiredConsumer): Promise<ConsumerInfo> {
    const { consumers } = await this.manager();
    const stream = this.#options.names.workStream;
    try {
      return await consumers.add(stream, { ...desired });
    } catch (error) {
      if (apiCodeOf(error) === apiCodes.consumerExists) return await consumers.info(stream, desired.durable_name);
      throw error;
    }
  }

  #compare(asset: string, desired: object, found: object): void {
    const actual = new Map<string, unknown>(Object.entries(found));
    for (const [field, wanted] of Object.entries(desired)) {
      const key = `${asset}.${field}`;
      const difference = { asset, field, wanted: canonical(wanted), found: canonical(actual.get(field)) };
      if (difference.wanted === difference.found) {
        this.#differences.delete(key);
        continue;
      }
      if (!this.#differences.has(key))
        this.#options.log.warn(difference, 'asset differs from its wanted configuration; it was not changed');
      this.#differences.set(key, difference);
    }
  }
}

function createdOf(infos: readonly StreamInfo[]): string {
  return infos.map(({ created }) => created).join(' ');
}

/** The server leaves out fields that are not set, so absent, false, empty and `none` count as equal. */
function canonical(value: unknown): string {
  if (value === undefined || value === false || value === '' || value === 'none') return '-';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}
