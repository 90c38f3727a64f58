/**
 * Creates the streams, buckets and consumers that are missing and verifies those that are there. An existing asset is
 * never changed: a difference is reported, and an operator decides. Safe when several processes do it at once.
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

export interface Difference {
  readonly asset: string;
  readonly field: string;
  readonly wanted: string;
  readonly found: string;
}

export type StreamName = 'work' | 'events';

/** Of WORK and EVENTS. */
export interface StreamIdentity {
  /** Creation times: they change exactly when the asset was made anew. */
  readonly created: string;
  /** The place of the last message each ever took. */
  readonly lastPlaces: Readonly<Record<StreamName, number>>;
}

/** The same of all buckets, in one order. */
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
  /** Streams whose messages this login may not read; told once each. */
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
    const infos = await Promise.all([this.#ensureStream(work), this.#ensureStream(events)]);
    const [workLast, eventsLast] = infos.map(({ state }) => state.last_seq);
    return { created: createdOf(infos), lastPlaces: { work: workLast ?? 0, events: eventsLast ?? 0 } };
  }

  async ensureBuckets(): Promise<BucketIdentity> {
    const infos = await Promise.all(this.#desired.buckets.map((desired) => this.#ensureStream(desired)));
    return { created: createdOf(infos), lastPlaces: infos.map(({ state }) => state.last_seq) };
  }

  /** Of the message at a place; undefined when there is none any more, or this login may not look. */
  async messageIdAt(stream: StreamName, place: number): Promise<string | undefined> {
    const { names, log } = this.#options;
    const name = stream === 'work' ? names.workStream : names.eventsStream;
    try {
      const message = await (await this.manager()).streams.getMessage(name, { seq: place });
      return message?.header.get('Nats-Msg-Id');
    } catch (error) {
      if (!isForbidden(error)) throw brokerError(error);
      if (!this.#forbidden.has(name))
        log.warn({ stream: name }, 'its messages may not be read, so a loss may go unnoticed');
      this.#forbidden.add(name);
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

  /** Of the oldest message that is not acknowledged. Asked of the leader: a replica may be behind. */
  async #firstPlace(streams: StreamAPI, route: WorkRoute): Promise<number | undefined> {
    const { names } = this.#options;
    // The server takes it here as for a direct get; the client's type does not say so.
    const query = { seq: 1, next_by_subj: names.workSubject(route) };
    return (await streams.getMessage(names.workStream, query))?.seq;
  }

  /** Time to live of a bucket's keys as it is, whatever was wanted. */
  ttlMs(bucket: string): number {
    return this.#maxAgeMs.get(`KV_${bucket}`) ?? 0;
  }

  async ensureConsumer(route: WorkRoute): Promise<void> {
    const { names, limits } = this.#options;
    const desired = desiredConsumer(names, limits, route);
    const asset = `${names.workStream}/${desired.durable_name}`;
    try {
      const info = await this.#createConsumer(desired);
      this.#compare(asset, desired, info.config);
    } catch (error) {
      throw brokerError(error);
    }
  }

  /** Messages that lie in it wait for the next consumer of their subject. */
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

  /** Subjects of the work stream that hold messages, and how many. */
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
      throw brokerError(error);
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
      // Somebody else was faster, with another configuration: theirs stands, and the difference is reported.
      if (apiCodeOf(error) === apiCodes.streamNameInUse) return await streams.info(desired.name);
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
        this.#options.log.warn(difference, 'asset differs from what is wanted, left as is');
      this.#differences.set(key, difference);
    }
  }
}

function createdOf(infos: readonly StreamInfo[]): string {
  return infos.map(({ created }) => created).join(' ');
}

/** Absent, false, empty and `none` are the same to the server, which leaves out what is not set. */
function canonical(value: unknown): string {
  if (value === undefined || value === false || value === '' || value === 'none') return '-';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries);
}
