/**
 * Pulls work with the core request protocol, over one inbox for all pulls of the process. A message goes to the oldest
 * open pull of its consumer, whichever request it answers. If no pull is open (aborted, timed out), the message is
 * released at once. So nothing is lost or held here.
 */
import type { Msg } from '@nats-io/transport-node';
import {
  type WorkRoute,
  type RouteDepth,
  routeOfWork,
  type WorkDelivery,
  type WorkSource,
} from '../../application/ports/bus.ts';
import type { Clock, Counter, Logger, Telemetry } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { parseJobId } from '../../domain/job-id.ts';
import { deliveriesOf } from './ack-subject.ts';
import { brokerUnavailable, isConsumersMaxReached } from './broker-error.ts';
import { ReleaseQueue } from './release-queue.ts';
import { type NatsLimits, requestsAtOnce } from './limits.ts';
import type { NatsLink } from './link.ts';
import { consumerName, type NatsNames, routeOf } from './names.ts';
import { Pull, type PullInput } from './pull.ts';
import type { StreamGuard } from './stream-guard.ts';
import type { Topology } from './topology.ts';
import { counters } from '../../domain/measures.ts';
import { someAtOnce } from '../../domain/some-at-once.ts';
import { given } from '../../domain/given.ts';

export interface WorkSourceOptions {
  readonly link: NatsLink;
  readonly topology: Topology;
  readonly guard: StreamGuard;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

const nakPayload = Buffer.from('-NAK');
const termPayload = Buffer.from('+TERM not a job');
const maxOpenPulls = 4_096;

/** Pulls and releases work. It also creates the consumers of routes, and recreates them after NATS has lost them. */
export class NatsWorkSource implements WorkSource {
  readonly #options: WorkSourceOptions;
  readonly #inbox: string;
  readonly #open = new Map<number, Pull>();
  readonly #byKey = new Map<string, Pull[]>();
  readonly #known = new Map<string, WorkRoute>();
  readonly #releases: ReleaseQueue;
  readonly #handedBack: Counter;
  #nextId = 0;

  constructor(options: WorkSourceOptions) {
    this.#options = options;
    this.#inbox = `${options.link.newInbox()}.`;
    this.#releases = new ReleaseQueue(options.clock, options.limits.ackWaitMs, (ackTo) => this.release(ackTo));
    this.#handedBack = options.telemetry.counter({
      ...counters.natsLateDeliveries,
      help: 'Work messages released because no pull was waiting for them any more.',
    });
    options.link.connection.subscribe(`${this.#inbox}*`, { callback: (_error, message) => this.#receive(message) });
    options.link.onDown(() => this.#failAll());
    options.guard.onStreamRepair(() =>
      someAtOnce([...this.#known.values()], requestsAtOnce, (route) => this.#repairRoute(route)),
    );
  }

  /** A consumer that NATS allows no more must not hold the repair up, and with it all that is to be published. */
  async #repairRoute(route: WorkRoute): Promise<void> {
    try {
      await this.ensureRoute(route);
    } catch (error) {
      if (!isConsumersMaxReached(error)) throw error;
      const { tenant, queue } = route;
      this.#options.log.error(
        { err: error, tenant, queue },
        'NATS allows no more consumers: jobs of this route do not run',
      );
    }
  }

  async pull(input: PullInput): Promise<readonly WorkDelivery[]> {
    this.#options.link.assertConnected();
    if (input.signal.aborted || input.batch < 1) return [];
    if (this.#open.size >= maxOpenPulls) throw new TroupeError('OVERLOADED', { message: 'too many pulls are open' });
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId += 1;
      const key = consumerName(input.route);
      const pull = new Pull({ id, key, input }, this.#hooks, this.#options.clock, { resolve, reject });
      this.#open.set(id, pull);
      const siblings = this.#byKey.get(key);
      if (siblings === undefined) this.#byKey.set(key, [pull]);
      else siblings.push(pull);
      pull.request();
    });
  }

  release(ackTo: string, delayMs = 0): void {
    if (delayMs > 0) this.#releases.after(delayMs, ackTo);
    else this.#options.link.trySend(ackTo, nakPayload);
  }

  /** Releases all delayed messages. Call this before the connection is closed. */
  close(): void {
    this.#releases.close();
  }

  async ensureRoute(route: WorkRoute): Promise<void> {
    // Handler routes come and go, so they are not remembered. A pull that finds its consumer missing creates it again.
    if (route.need === undefined) this.#known.set(consumerName(route), route);
    await this.#options.topology.ensureConsumer(route);
  }

  async removeRoute(route: WorkRoute): Promise<void> {
    this.#known.delete(consumerName(route));
    await this.#options.topology.removeConsumer(route);
  }

  async routes(): Promise<readonly RouteDepth[]> {
    const found: RouteDepth[] = [];
    for (const [subject, messages] of await this.#options.topology.workSubjects()) {
      const route = routeOf(subject);
      if (route !== undefined) found.push({ ...route, messages });
    }
    return found;
  }

  readonly #hooks = {
    request: (pull: Pull, body: string): void => {
      const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#options.names.workStream}.${pull.key}`;
      this.#options.link.trySend(subject, body, { reply: this.#inbox + String(pull.id) });
    },
    release: (ackTo: string): void => this.release(ackTo),
    over: (pull: Pull): void => this.#forget(pull),
  };

  #forget(pull: Pull): void {
    this.#open.delete(pull.id);
    const rest = this.#byKey.get(pull.key)?.filter((other) => other !== pull) ?? [];
    if (rest.length === 0) this.#byKey.delete(pull.key);
    else this.#byKey.set(pull.key, rest);
  }

  #receive(message: Msg): void {
    if (message.subject.startsWith(this.#inbox)) this.#receiveStatus(message);
    else this.#receiveWork(message);
  }

  #receiveWork(message: Msg): void {
    const ackTo = message.reply ?? '';
    const delivery = readDelivery(message, ackTo);
    if (delivery === undefined) {
      this.#options.log.error({ subject: message.subject }, 'a work message in an unknown format was removed');
      this.#options.link.trySend(ackTo, termPayload);
      return;
    }
    const pull = this.#byKey.get(consumerName(routeOfWork(delivery.message)))?.[0];
    if (pull !== undefined) {
      pull.take(delivery);
      return;
    }
    this.#handedBack.add();
    this.release(ackTo);
  }

  #receiveStatus(message: Msg): void {
    const pull = this.#open.get(Number(message.subject.slice(this.#inbox.length)));
    if (pull === undefined) return;
    const code = message.headers?.code ?? 0;
    switch (code) {
      case 100:
        pull.heard();
        break;
      case 404:
      case 408:
        pull.ended();
        break;
      case 409:
        // Leadership change, server shutdown or batch completed: ask again. A deleted consumer leads to 503 then.
        pull.ended();
        break;
      case 503:
        void this.#repair(pull);
        break;
      default:
        this.#options.log.error({ code, description: message.headers?.description }, 'a pull was refused');
        pull.fail(new TroupeError('INTERNAL_ERROR', { message: `the pull was refused with status ${code}` }));
        break;
    }
  }

  /** No server answers for the consumer: the consumer, its stream or JetStream itself is gone. */
  async #repair(pull: Pull): Promise<void> {
    this.#options.guard.suspect();
    try {
      await this.#options.topology.ensureConsumer(pull.input.route);
      pull.ended();
    } catch (error) {
      pull.fail(brokerUnavailable('the consumer of the queue is missing', error));
    }
  }

  #failAll(): void {
    for (const pull of [...this.#open.values()]) pull.fail(brokerUnavailable('the link to NATS was lost'));
  }
}

/**
 * Reads a work message. Its subject is `<root>.work.<tenant>.<queue>.<token>`, where the token names the level and, on
 * a handler route, the need. Its body is `{"jobId","attempt","generation",…}`.
 */
function readDelivery(message: Msg, ackTo: string): WorkDelivery | undefined {
  const place = routeOf(message.subject);
  if (place === undefined) return undefined;
  try {
    const body = message.json<Readonly<Record<WorkField, unknown>> | null>();
    if (typeof body?.jobId !== 'string' || !isCount(body.attempt) || !isCount(body.generation)) return undefined;
    const jobId = parseJobId(body.jobId);
    const { attempt, generation: epoch, handler, version, again } = body;
    if (jobId === undefined || typeof handler !== 'string') return undefined;
    const need = typeof version === 'string' ? { handler, version } : { handler };
    const route = place.need === undefined ? 'shared' : 'handler';
    const work = {
      ...place,
      jobId,
      attempt,
      epoch,
      need,
      route,
      ...given({ again: isCount(again) ? again : undefined }),
    } as const;
    return { message: work, ackTo, deliveries: deliveriesOf(ackTo) };
  } catch {
    return undefined;
  }
}

type WorkField = 'jobId' | 'attempt' | 'generation' | 'handler' | 'version' | 'again';

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
