/**
 * Reads each EVENTS stream as a log, at each reader's own pace. Events are fetched with direct gets in batches, which
 * leave no consumer behind on the server. One live message signals that more events are available. It also names the
 * stream, so a process with fewer streams than the publishers have learns of the others and reads those, too.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type {
  EventLog,
  EventLogBounds,
  EventLogs,
  EventPage,
  EventPlace,
  EventsOfQueue,
  KeptEvent,
} from '../../application/ports/event-log.ts';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { jobStates } from '../../domain/job.ts';
import { given } from '../../domain/given.ts';
import { parseJobId } from '../../domain/job-id.ts';
import { apiCodeOf, apiCodes, brokerError, brokerUnavailable, isNoMessage } from './broker-error.ts';
import { EventStreams, eventStreamsMax } from './event-streams.ts';
import { FurtherEventLog } from './further-event-log.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import { expectedStream, type NatsNames } from './names.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { Topology } from './topology.ts';

/** The size limit of one page. An event has a few hundred bytes. */
const pageMaxBytes = 1_048_576;
const anyType = '*';
const eventStreamNumbers = Array.from({ length: eventStreamsMax }, (_, n) => n);

export interface NatsEventLogParts {
  readonly link: NatsLink;
  readonly names: NatsNames;
  readonly topology: Topology;
  readonly guard: StreamGuard;
  readonly limits: Pick<NatsLimits, 'apiTimeoutMs'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class NatsEventLogs implements EventLogs {
  readonly #parts: NatsEventLogParts;
  readonly #logs: EventLog[];
  /** Of all streams that this process knows of. */
  #homes: EventStreams;

  constructor(parts: NatsEventLogParts) {
    this.#parts = parts;
    this.#logs = parts.names.eventsStreams.map((stream) => new NatsEventLog(parts, stream));
    this.#homes = new EventStreams(this.#logs.length);
  }

  of({ tenant, queue }: Pick<EventsOfQueue, 'tenant' | 'queue'>): readonly EventLog[] {
    return this.#homes.homes(tenant, queue).flatMap((n) => this.#logs[n] ?? []);
  }

  /** Live subscribers hear an event on the same subject, whichever stream keeps it. */
  onNext({ tenant, queue, type }: EventsOfQueue, listener: () => void): () => void {
    const { link, names } = this.#parts;
    const subscription = link.connection.subscribe(names.eventSubject(tenant, queue, type ?? anyType, '*'), {
      max: 1,
      callback: (error, message) => {
        if (error !== null) return;
        this.#learnOf(message.headers?.get(expectedStream) ?? '');
        listener();
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Another process may have more streams. */
  #learnOf(stream: string): void {
    const { names, log } = this.#parts;
    const isKnown = (n: number): boolean => n < this.#logs.length;
    const number = eventStreamNumbers.find((n) => names.eventsStream(n) === stream);
    if (number === undefined || isKnown(number)) return;
    for (let n = this.#logs.length; n <= number; n += 1)
      this.#logs.push(new FurtherEventLog(new NatsEventLog(this.#parts, names.eventsStream(n)), this.#parts));
    this.#homes = new EventStreams(this.#logs.length);
    log.warn({ stream }, 'events go to more streams than nats.eventStreams says; this process reads those, too');
  }
}

class NatsEventLog implements EventLog {
  readonly #parts: NatsEventLogParts;
  readonly #stream: string;

  constructor(parts: NatsEventLogParts, stream: string) {
    this.#parts = parts;
    this.#stream = stream;
  }

  async bounds(): Promise<EventLogBounds> {
    const { topology, guard } = this.#parts;
    try {
      const { created, state } = await (await topology.manager()).streams.info(this.#stream);
      const first = state.messages === 0 ? state.last_seq + 1 : state.first_seq;
      return { log: created, first, last: state.last_seq, lastMark: state.last_seq === 0 ? '' : markOf(state.last_ts) };
    } catch (error) {
      if (apiCodeOf(error) === apiCodes.streamNotFound) guard.suspect();
      throw brokerError(error);
    }
  }

  async markAt(position: number): Promise<string | undefined> {
    const { topology } = this.#parts;
    try {
      const { direct } = await topology.manager();
      const found = await direct.getMessage(this.#stream, { seq: position });
      return found === null ? undefined : markOf(found.timestamp);
    } catch (error) {
      throw brokerError(error);
    }
  }

  async read(
    { tenant, queue, type }: EventsOfQueue,
    { after, max }: { readonly after: number; readonly max: number },
  ): Promise<EventPage> {
    const { topology, names, limits, clock } = this.#parts;
    const { direct } = await topology.manager();
    const page = Promise.withResolvers<EventPage>();
    const events: KeptEvent[] = [];
    let end: EventPlace | undefined;
    const query = {
      seq: after + 1,
      batch: max,
      max_bytes: pageMaxBytes,
      next_by_subj: names.keptEventSubject(tenant, queue, type ?? anyType),
    };
    // With a callback, the client ends its subscription at the end of the batch. Its iterator does not.
    const callback = (done: { readonly err?: Error } | null, message: StoredMsg): void => {
      if (done === null) {
        end = { position: message.seq, mark: markOf(message.timestamp) };
        events.push(...eventOf(message, end));
      } else if (done.err === undefined || isNoMessage(done.err)) page.resolve({ events, ...given({ end }) });
      else page.reject(brokerUnavailable('the kept events cannot be read', done.err));
    };
    const cancelTimer = clock.setTimer(limits.apiTimeoutMs, () => {
      page.reject(brokerUnavailable('the kept events did not come in time'));
    });
    try {
      await direct.getBatch(this.#stream, { ...query, callback });
      return await page.promise;
    } finally {
      cancelTimer();
    }
  }
}

/**
 * When the event was stored, as digits down to the nanosecond. Trailing zeros are removed, since servers may write them
 * or not.
 */
function markOf(timestamp: string): string {
  return timestamp.replaceAll(/\D/g, '').replace(/0+$/, '');
}

/** Returns no event for a message that is not ours: others may publish to the stream. */
function eventOf({ header, data }: StoredMsg, place: EventPlace): KeptEvent[] {
  const jobId = parseJobId(header.get('ce-subject'));
  const seq = Number(header.get('ce-sequence'));
  const { handler, state: said } = factsOf(data);
  const state = jobStates.find((known) => known === said);
  if (jobId === undefined || !(seq > 0) || state === undefined || typeof handler !== 'string') return [];
  return [{ ...place, jobId, seq, handler, state }];
}

function factsOf(data: Uint8Array): { readonly handler?: unknown; readonly state?: unknown } {
  try {
    return (JSON.parse(Buffer.from(data).toString()) as object | null) ?? {};
  } catch {
    return {};
  }
}
