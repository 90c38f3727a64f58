/**
 * Publishes to WORK and EVENTS. This is the hottest path to NATS, with several messages per job. Message ids make a
 * second publish harmless, so every doubt (timeout, lost connection) is a rejection and the caller publishes again.
 */
import {
  type JobEvent,
  type Publisher,
  type WorkRoute,
  routeOfWork,
  type WorkMessage,
  type WorkStanding,
} from '../../application/ports/bus.ts';
import type { Telemetry } from '../../application/ports/runtime.ts';
import type { VitalSign, VitalSigns } from '../../application/cluster/vital-signs.ts';
import { cloudEventHeaders } from './cloud-event.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import { expectedStream, type NatsNames } from './names.ts';
import { type PublishQueueOptions, PublishQueue } from './publish-queue.ts';
import { wellFormedJson } from './well-formed-json.ts';
import type { ReplyMux } from './reply-mux.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { Topology } from './topology.ts';
import { invariant } from '../../domain/errors.ts';
import { counters } from '../../domain/measures.ts';

export interface PublisherOptions {
  readonly link: NatsLink;
  readonly mux: ReplyMux;
  readonly guard: StreamGuard;
  readonly topology: Topology;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly telemetry: Telemetry;
  readonly vitals: VitalSigns;
}

const ackPayload = Buffer.from('+ACK');
const ackPrefix = '$JS.ACK.';

export class NatsPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #work: PublishQueue;
  /** One for each EVENTS stream, by its number. */
  readonly #events: readonly PublishQueue[];

  constructor(options: PublisherOptions) {
    this.#options = options;
    const failures = options.telemetry.counter({
      ...counters.natsPublishFailures,
      help: 'JetStream publishes that were not confirmed.',
    });
    const { guard, vitals, names } = options;
    const queueOf = (stream: string, sign: Extract<VitalSign, 'WORK' | 'EVENTS'>, part?: string): PublishQueue => {
      const parts: PublishQueueOptions = {
        ...options,
        isSure: () => guard.isSure,
        suspectLoss: () => guard.suspectLoss(),
        saw: (place) => guard.sawPlace(stream, place),
        confirmed: () => vitals.ok(sign, part),
        refused: (error) => {
          failures.add(1, { code: error.code });
          // A full stream or an oversized message says nothing about the health of JetStream.
          if (error.code === 'BROKER_UNAVAILABLE') vitals.failed(sign, error.message, part);
        },
      };
      return new PublishQueue(parts);
    };
    this.#work = queueOf(names.workStream, 'WORK');
    this.#events = names.eventsStreams.map((stream, n) => queueOf(stream, 'EVENTS', n === 0 ? undefined : stream));
    options.guard.onStreamRepair(async () => {
      for (const queue of [this.#work, ...this.#events]) queue.restart();
    });
  }

  publishWork(message: WorkMessage): Promise<void> {
    const { jobId, attempt, epoch, again, need, route } = message;
    const own = route === 'handler';
    // A message may move from the shared route to a handler route. Its id must differ then, or the stream drops it as a
    // duplicate.
    return this.#work.publish({
      subject: this.#options.names.workSubject(routeOfWork(message)),
      headers: `Nats-Msg-Id: ${jobId}.${attempt}.${epoch}${again === undefined ? '' : `+${again}`}${own ? '.own' : ''}\r\n`,
      // Built by hand, because this runs for every job: ids and validated names need no escaping. `generation` is the
      // wire name of the epoch.
      body: `{"jobId":"${jobId}","attempt":${attempt},"generation":${epoch},"handler":"${need.handler}"${
        need.version === undefined ? '' : `,"version":"${need.version}"`
      }${again === undefined ? '' : `,"again":${again}`}}`,
    });
  }

  publishEvent(event: JobEvent): Promise<void> {
    const { names } = this.#options;
    const { tenant, queue, type, jobId } = event;
    const n = names.eventHomes(tenant, queue).at(-1) ?? 0;
    const headers = cloudEventHeaders(event, names.root);
    const body = wellFormedJson(event.data);
    const liveSubject = names.eventSubject(tenant, queue, type, jobId);
    const stream = this.#events[n];
    invariant(stream !== undefined, `there is no EVENTS stream ${n}`);
    if (n === 0) return stream.publish({ subject: liveSubject, headers, body });
    // EVENTS stream 0 listens to the subject of live subscribers as well. It refuses what expects another stream.
    const live = { subject: liveSubject, headers: `${headers}${expectedStream}: ${names.eventsStreams[n]}\r\n` };
    return stream.publish({ subject: names.eventInlet(n, tenant, queue, type), headers, body, live });
  }

  acknowledge(ackTo: string): void {
    if (ackTo.startsWith(ackPrefix)) this.#options.link.trySend(ackTo, ackPayload);
  }

  streams(): string | undefined {
    return this.#options.guard.identity;
  }

  onStreamsReplaced(listener: (streams: string) => void): () => void {
    return this.#options.guard.onReplaced(listener);
  }

  onDoubt(listener: () => void): () => void {
    return this.#options.guard.onDoubt(listener);
  }

  soundAtMs(): number | undefined {
    return this.#options.guard.soundAtMs;
  }

  workStanding(routes: readonly WorkRoute[]): Promise<WorkStanding> {
    return this.#options.topology.workStanding(routes);
  }
}
