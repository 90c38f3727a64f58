/**
 * Starts and ends the pullers of this node. It starts one for
 * - the shared route of each queue that the shared configuration names,
 * - each other shared route, such as that of another priority level, that holds messages,
 * - each handler route that holds messages and whose need this node meets.
 *
 * The puller of a shared route ends when the configuration does not name its queue and the route has been empty for a
 * moment. The puller of a handler route ends when the route has been empty for a while, or when this node no longer meets
 * the need. A node that does not take the jobs of a tenant has no puller for its routes.
 *
 * The stream itself says which routes there are. So nobody has to announce a route, and no crash can lose one: the jobs of
 * a queue run even if the broker has lost the configuration that names it. If no live node can run the messages of a
 * route, the actor logs that once and measures them.
 */
import type { HandlerFleet } from '../../application/jobs/handler-fleet.ts';
import type { WorkRoute, RouteDepth } from '../../application/ports/bus.ts';
import type { SharedConfig } from '../../application/ports/membership.ts';
import type { TroupeError } from '../../domain/errors.ts';
import { type HandlerNeed, needText } from '../../domain/handler-need.ts';
import {
  type ChildSpec,
  type ChildStatus,
  type StartChildReply,
  supervise,
  type SupervisorMessage,
} from '../../supervisor/index.ts';
import { type ActorContext, type ActorDefinition, type ActorRef, ask, type Behavior } from '../../kernel/index.ts';
import { pullerActor } from './puller-actor.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import { attemptsActor } from './attempts-actor.ts';
import type { WorkerServices } from './worker-services.ts';

type Outcome<T> = PromiseSettledResult<T>;

type QueueWatchMessage =
  | { readonly kind: 'look' }
  | { readonly kind: 'seen'; readonly outcome: Outcome<readonly RouteDepth[]> }
  | { readonly kind: 'ready'; readonly route: WorkRoute; readonly outcome: Outcome<void> }
  | { readonly kind: 'begun'; readonly name: string; readonly outcome: Outcome<StartChildReply> }
  | { readonly kind: 'found'; readonly outcome: Outcome<readonly ChildStatus[]> };

/** The first job of a level or a handler route may wait this long. A new queue comes by a watch and does not wait. */
const lookEveryMs = 1_000;
/** The puller of a handler route ends after more empty looks in a row than this. */
const idleLooks = 30;
/** The same for a shared route of a queue that the configuration does not name. */
const deletedLooks = 2;
/**
 * Consumers asked for at a time. A cluster may have thousands of queues, and each request to JetStream has a limit of
 * time.
 */
const madeReadyAtOnce = 32;
/** Handler routes pulled at a time. Another one waits until one of them is idle. */
const handlerRoutesMax = 256;
const pullerStopMs = 1_000;
/** Only a supervisor that has stopped takes this long to answer. */
const startMs = 30_000;

type WatchedConfig = Pick<SharedConfig, 'queues' | 'onChange'>;
type WatchedFleet = Pick<HandlerFleet, 'someNodeHas'>;

/**
 * The worker half of a node: `runs`, then `queues` with the pullers, then the watch that starts them. Each child relies on
 * the ones before it, so when one fails, the ones after it restart with it.
 */
export function workersSupervisor(
  services: WorkerServices,
  config: WatchedConfig,
  fleet: WatchedFleet,
): ActorDefinition<SupervisorMessage> {
  const intensity = { maxRestarts: 10, windowMs: 60_000 };
  const maxChildren = services.limits.pullersMax;
  const queues = supervise({
    strategy: 'one-for-one',
    intensity,
    kind: 'queues',
    children: [],
    maxChildren,
    // All pullers may have to start, or to end, at once.
    mailboxCapacity: maxChildren,
  });
  const watch: ActorDefinition<QueueWatchMessage> = {
    kind: 'queue-watch',
    mailboxCapacity: 1_024,
    start: (context) => new QueueWatch(services, { config, fleet }, context),
  };
  return supervise({
    strategy: 'rest-for-one',
    intensity: { maxRestarts: 3, windowMs: 60_000 },
    kind: 'workers',
    children: [
      { name: 'runs', definition: attemptsActor(services), restart: 'permanent', shutdownMs: 5_000 },
      { name: 'queues', definition: queues, restart: 'permanent', shutdownMs: 'infinity' },
      { name: 'queue-watch', definition: watch, restart: 'permanent', shutdownMs: 1_000 },
    ],
  });
}

class QueueWatch implements Behavior<QueueWatchMessage> {
  readonly #services: WorkerServices;
  readonly #config: WatchedConfig;
  readonly #fleet: WatchedFleet;
  readonly #context: ActorContext<QueueWatchMessage>;
  readonly #queues: ActorRef<SupervisorMessage>;
  readonly #runs: ActorRef<AttemptsMessage>;
  /** Routes that have a puller or are about to have one. `emptyLooks` counts looks in a row that found it not needed. */
  readonly #pulled = new Map<string, { readonly route: WorkRoute; emptyLooks: number }>();
  /** Those of them whose consumer has not been asked for yet. */
  readonly #unready = new Map<string, WorkRoute>();
  #beingReadied = 0;
  readonly #unserved = new Map<string, WorkRoute & { readonly need: HandlerNeed }>();
  /** Queues whose depths are measured. */
  readonly #measured = new Set<string>();
  readonly #stopListening: readonly (() => void)[];
  #looking = false;
  /** A puller was refused, and none has started since. */
  #isFull = false;

  constructor(
    services: WorkerServices,
    { config, fleet }: { readonly config: WatchedConfig; readonly fleet: WatchedFleet },
    context: ActorContext<QueueWatchMessage>,
  ) {
    this.#services = services;
    this.#config = config;
    this.#fleet = fleet;
    this.#context = context;
    this.#queues = context.refAt('../queues');
    this.#runs = context.refAt('../runs');
    const look = (): void => void context.self.tell({ kind: 'look' });
    this.#stopListening = [config.onChange(look), services.handlers.onChange(look), services.tenants.onChange(look)];
    look();
    const found = this.#ask<readonly ChildStatus[]>((reply) => ({ kind: 'listChildren', reply }));
    context.pipeToSelf(found, (outcome) => ({ kind: 'found', outcome }));
  }

  receive(message: QueueWatchMessage): void {
    switch (message.kind) {
      case 'look':
        this.#look();
        break;
      case 'seen':
        this.#looking = false;
        if (message.outcome.status === 'fulfilled') this.#seen(message.outcome.value);
        break;
      case 'ready':
        this.#ready(message.route, message.outcome);
        break;
      case 'begun':
        this.#begun(message.name, message.outcome);
        break;
      case 'found':
        this.#found(message.outcome);
        break;
    }
  }

  onStop(): void {
    for (const stop of this.#stopListening) stop();
    // The one after it does not know what was measured. It measures anew what is still there.
    for (const [name, route] of this.#unserved) this.#served(name, route);
    for (const key of this.#measured) this.#services.metrics.queueDepth.remove(queueOf(key));
  }

  #look(): void {
    this.#services.tenants.look();
    for (const key of this.#config.queues().keys()) {
      this.#pull(queueOf(key));
    }
    this.#context.setTimer('look', lookEveryMs, { kind: 'look' });
    if (this.#looking) return;
    this.#looking = true;
    this.#context.pipeToSelf(this.#services.source.routes(), (outcome) => ({ kind: 'seen', outcome }));
  }

  #seen(depths: readonly RouteDepth[]): void {
    this.#measure(depths);
    const waiting = new Set<string>();
    for (const { messages, ...route } of depths) {
      if (messages === 0) continue;
      const { need } = route;
      waiting.add(nameOf(route));
      if (need === undefined) {
        this.#pull(route);
        continue;
      }
      this.#tellUnserved({ ...route, need }, messages);
      if (this.#services.handlers.meet(need) && this.#ownPullers() < handlerRoutesMax) this.#pull(route);
    }
    for (const [name, route] of this.#unserved) if (!waiting.has(name)) this.#served(name, route);
    for (const [name, pulled] of this.#pulled) {
      const { tenant, queue, need } = pulled.route;
      const stays = waiting.has(name) || (need === undefined && this.#config.queues().has(`${tenant}/${queue}`));
      pulled.emptyLooks = stays ? 0 : pulled.emptyLooks + 1;
      const isUnmet =
        (need !== undefined && !this.#services.handlers.meet(need)) || !this.#services.takesTenant(tenant);
      if (pulled.emptyLooks > (need === undefined ? deletedLooks : idleLooks) || isUnmet) this.#leave(name);
    }
  }

  #ownPullers(): number {
    let own = 0;
    for (const { route } of this.#pulled.values()) if (route.need !== undefined) own += 1;
    return own;
  }

  #pull(route: WorkRoute): void {
    const name = nameOf(route);
    if (this.#pulled.has(name) || !this.#services.takesTenant(route.tenant)) return;
    this.#pulled.set(name, { route, emptyLooks: 0 });
    this.#unready.set(name, route);
    this.#makeReady();
  }

  #makeReady(): void {
    for (const [name, route] of this.#unready) {
      if (this.#beingReadied >= madeReadyAtOnce) return;
      this.#unready.delete(name);
      this.#beingReadied += 1;
      this.#context.pipeToSelf(this.#services.source.ensureRoute(route), (outcome) => ({
        kind: 'ready',
        route,
        outcome,
      }));
    }
  }

  #ready(route: WorkRoute, outcome: Outcome<void>): void {
    this.#beingReadied -= 1;
    this.#makeReady();
    const name = nameOf(route);
    if (outcome.status === 'rejected') {
      // The next look tries again.
      this.#pulled.delete(name);
      this.#context.log.warn({ err: outcome.reason, queue: route.queue }, 'consumer of a queue is not ready');
      return;
    }
    if (!this.#pulled.has(name)) return;
    const spec = pullerSpec(name, route, this.#services, this.#runs);
    const begun = this.#ask<StartChildReply>((reply) => ({ kind: 'startChild', spec, reply }));
    this.#context.pipeToSelf(begun, (outcome) => ({ kind: 'begun', name, outcome }));
  }

  #ask<Reply>(request: (reply: ActorRef<Reply>) => SupervisorMessage): Promise<Reply> {
    return ask(this.#queues, request, { timeoutMs: startMs, clock: this.#context.clock });
  }

  /**
   * A route whose puller was refused does not count as pulled, or nobody would ever start one for it. A puller that is
   * there already is as good: an earlier request of this actor, or of the one before it, has started it.
   */
  #begun(name: string, outcome: Outcome<StartChildReply>): void {
    const refusal = outcome.status === 'rejected' ? (outcome.reason as unknown) : refusalOf(outcome.value);
    if (refusal === undefined) {
      this.#isFull = false;
      return;
    }
    // The next look tries again.
    this.#pulled.delete(name);
    if (!this.#isFull) this.#context.log.warn({ err: refusal, route: name }, 'no puller for a route; tried again');
    this.#isFull = true;
  }

  /**
   * The pullers of the actor before this one, which has failed. Those of routes that nobody wants yet end here, because
   * nobody else knows of them. If one is wanted after all, the next look starts it again.
   */
  #found(outcome: Outcome<readonly ChildStatus[]>): void {
    if (outcome.status === 'rejected') return;
    for (const { name } of outcome.value) if (!this.#pulled.has(name)) this.#leave(name);
  }

  #leave(name: string): void {
    // If the mailbox is full, the next look tries again.
    if (!this.#queues.tell({ kind: 'stopChild', name })) return;
    this.#pulled.delete(name);
    this.#unready.delete(name);
  }

  /** A configured queue that is not in the list has no messages, so its depth is 0. */
  #measure(depths: readonly RouteDepth[]): void {
    const sums = new Map([...this.#config.queues().keys()].map((key) => [key, 0]));
    for (const { tenant, queue, messages } of depths) {
      const key = `${tenant}/${queue}`;
      sums.set(key, (sums.get(key) ?? 0) + messages);
    }
    for (const key of this.#measured) {
      if (sums.has(key)) continue;
      this.#measured.delete(key);
      this.#services.metrics.queueDepth.remove(queueOf(key));
    }
    for (const [key, messages] of sums) {
      this.#measured.add(key);
      this.#services.metrics.queueDepth.set(messages, queueOf(key));
    }
  }

  #tellUnserved(route: WorkRoute & { readonly need: HandlerNeed }, messages: number): void {
    const name = nameOf(route);
    if (this.#fleet.someNodeHas(route.need, route.tenant)) {
      this.#served(name, route);
      return;
    }
    const labels = unservedLabels(route);
    if (!this.#unserved.has(name)) {
      this.#unserved.set(name, route);
      this.#context.log.warn(
        { event: 'handler.missing', ...labels, jobs: messages },
        'no live node can run these jobs',
      );
    }
    this.#services.metrics.unserved.set(messages, labels);
  }

  #served(name: string, route: WorkRoute & { readonly need: HandlerNeed }): void {
    if (!this.#unserved.delete(name)) return;
    // Callers make up names of handlers: a measure that stayed would be one more for ever.
    this.#services.metrics.unserved.remove(unservedLabels(route));
  }
}

function refusalOf(reply: StartChildReply): TroupeError | undefined {
  return reply.ok || reply.existing !== undefined ? undefined : reply.error;
}

function queueOf(key: string): { tenant: string; queue: string } {
  const [tenant = '', queue = ''] = key.split('/');
  return { tenant, queue };
}

function unservedLabels({ tenant, queue, need }: WorkRoute & { readonly need: HandlerNeed }): Record<string, string> {
  return { tenant, queue, handler: need.handler, version: need.version ?? 'any' };
}

function nameOf({ tenant, queue, level, need }: WorkRoute): string {
  const main = level === undefined ? `${tenant}.${queue}` : `${tenant}.${queue}^${level}`;
  return need === undefined ? main : `${main}:${needText(need)}`;
}

/** A puller that fails too often is suspended and shown as such. The others go on. */
function pullerSpec(
  name: string,
  route: WorkRoute,
  services: WorkerServices,
  runs: ActorRef<AttemptsMessage>,
): ChildSpec {
  return {
    name,
    definition: pullerActor(route, services, runs),
    restart: 'permanent',
    shutdownMs: pullerStopMs,
    onExhausted: 'suspend',
    intensity: { maxRestarts: 5, windowMs: 30_000 },
    backoff: { initialMs: 200, maxMs: 10_000, jitter: 0.2 },
  };
}
