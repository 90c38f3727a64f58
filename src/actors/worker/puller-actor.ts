/**
 * Keeps the node's free slots filled from one route of a queue. It has two modes:
 * - Burst: it reserves slots, then asks for as many messages as it has slots, without waiting. After a full answer it does
 *   so again. After any other answer it goes on with the doorbell.
 * - Doorbell: it waits for one message without holding a slot, so an idle queue costs the busy ones nothing. If no slot is
 *   free when the message comes, the puller keeps it until there is one, then goes on with a burst.
 *
 * When the node drains, the kept message and any later one go back at once, and the puller asks for nothing more.
 *
 * Invariant: however a puller ends, its reserved slots are free again and its messages go back.
 */
import type { WorkRoute, WorkDelivery } from '../../application/ports/bus.ts';
import type { ActorContext, ActorDefinition, ActorRef, Behavior } from '../../kernel/actor.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import type { Turn } from './slot-pool.ts';
import type { WorkerServices } from './worker-services.ts';

type Deliveries = readonly WorkDelivery[];

export type PullerMessage =
  | { readonly kind: 'room' }
  | { readonly kind: 'retry' }
  | { readonly kind: 'keep-over' }
  | { readonly kind: 'burst'; readonly outcome: PromiseSettledResult<Deliveries> }
  | { readonly kind: 'rung'; readonly outcome: PromiseSettledResult<Deliveries> };

const retryMs = 500;
/** How long a message is kept. It goes back soon, because another node may have a slot. */
const keepMs = 1_000;

export function pullerActor(
  route: WorkRoute,
  services: WorkerServices,
  runs: ActorRef<AttemptsMessage>,
): ActorDefinition<PullerMessage> {
  return {
    kind: 'puller',
    mailboxCapacity: 16,
    start: (context) => new Puller(route, services, runs, context),
  };
}

class Puller implements Behavior<PullerMessage> {
  readonly #route: WorkRoute;
  readonly #services: WorkerServices;
  readonly #runs: ActorRef<AttemptsMessage>;
  readonly #context: ActorContext<PullerMessage>;
  readonly #abort = new AbortController();
  readonly #turn: Turn;
  /** Slots that the current burst has reserved. */
  #reserved = 0;
  /** Messages that a pull has brought, before the actor has handled its answer. */
  #arrived: Deliveries = [];
  #isOver = false;
  /** A pull is under way, or a retry is set. */
  #busy = false;
  #woken = false;
  #kept: WorkDelivery | undefined;
  #delivered = 0;

  constructor(
    route: WorkRoute,
    services: WorkerServices,
    runs: ActorRef<AttemptsMessage>,
    context: ActorContext<PullerMessage>,
  ) {
    this.#route = route;
    this.#services = services;
    this.#runs = runs;
    this.#context = context;
    this.#turn = services.slots.wait(route, {
      wants: () => !this.#woken && (!this.#busy || this.#kept !== undefined || services.slots.closed),
      wake: () => (this.#woken = context.self.tell({ kind: 'room' })),
    });
    this.#burst();
  }

  receive(message: PullerMessage): void {
    switch (message.kind) {
      case 'room':
        this.#woken = false;
        this.#next();
        break;
      case 'retry':
        this.#busy = false;
        this.#next();
        break;
      case 'keep-over':
        if (this.#kept !== undefined) this.#services.source.release(this.#kept.ackTo);
        this.#kept = undefined;
        break;
      case 'burst':
        this.#arrived = [];
        this.#burstOver(message.outcome);
        break;
      case 'rung':
        this.#arrived = [];
        this.#rung(message.outcome);
        break;
    }
  }

  onStop(): void {
    this.#isOver = true;
    this.#turn.leave();
    this.#leave();
    this.#release(this.#arrived);
    // The answer of the pull no longer reaches this actor, so nobody else would free these slots.
    this.#freeReserved();
  }

  #next(): void {
    if (this.#services.slots.closed) {
      this.#leave();
      return;
    }
    if (this.#kept !== undefined) this.#deliverKept(this.#kept);
    if (!this.#busy && this.#kept === undefined) this.#burst();
  }

  #deliverKept(kept: WorkDelivery): void {
    if (this.#services.slots.reserve(1) === 0) {
      this.#turn.waits();
      return;
    }
    this.#kept = undefined;
    this.#context.cancelTimer('keep');
    this.#deliver([kept]);
  }

  #leave(): void {
    this.#abort.abort();
    if (this.#kept !== undefined) this.#services.source.release(this.#kept.ackTo);
    this.#kept = undefined;
    this.#context.cancelTimer('keep');
  }

  #burst(): void {
    const { slots, limits } = this.#services;
    const reserved = slots.reserve(limits.pullMax);
    if (reserved === 0) {
      this.#turn.waits();
      return;
    }
    this.#reserved = reserved;
    this.#turn.rests();
    this.#pull(reserved, 0, (outcome) => ({ kind: 'burst', outcome }));
  }

  #burstOver(outcome: PromiseSettledResult<Deliveries>): void {
    this.#busy = false;
    if (outcome.status === 'rejected') {
      this.#freeReserved();
      this.#failed(outcome.reason);
      return;
    }
    const deliveries = outcome.value;
    this.#reserved -= deliveries.length;
    const isFull = this.#reserved === 0;
    this.#deliver(deliveries);
    // The doorbell comes first. Freed slots wake pullers, and this one must not start another burst now.
    if (!isFull) this.#doorbell();
    this.#freeReserved();
    if (isFull) this.#next();
  }

  #doorbell(): void {
    if (this.#services.slots.closed) return;
    this.#pull(1, this.#services.limits.pullExpiresMs, (outcome) => ({ kind: 'rung', outcome }));
  }

  #rung(outcome: PromiseSettledResult<Deliveries>): void {
    this.#busy = false;
    if (outcome.status === 'rejected') {
      this.#failed(outcome.reason);
      return;
    }
    const [first] = outcome.value;
    if (first === undefined) {
      this.#doorbell();
      return;
    }
    this.#kept = first;
    this.#context.setTimer('keep', keepMs, { kind: 'keep-over' });
    this.#next();
  }

  #pull(
    batch: number,
    expiresMs: number,
    toMessage: (outcome: PromiseSettledResult<Deliveries>) => PullerMessage,
  ): void {
    this.#busy = true;
    const { signal } = this.#abort;
    const pull = this.#services.source.pull({ route: this.#route, batch, expiresMs, signal }).then((deliveries) => {
      if (this.#isOver) this.#release(deliveries);
      else this.#arrived = deliveries;
      return deliveries;
    });
    this.#context.pipeToSelf(pull, toMessage);
  }

  /** Gives the messages back, so other nodes get them at once. */
  #release(deliveries: Deliveries): void {
    for (const { ackTo } of deliveries) this.#services.source.release(ackTo);
  }

  #freeReserved(): void {
    const reserved = this.#reserved;
    this.#reserved = 0;
    this.#services.slots.release(reserved);
  }

  /** Passes deliveries on to the `runs` actor, and their slots with them. */
  #deliver(deliveries: Deliveries): void {
    if (deliveries.length === 0) return;
    this.#turn.took(deliveries.length);
    this.#delivered += deliveries.length;
    this.#context.describe({ delivered: this.#delivered });
    if (this.#runs.tell({ kind: 'deliver', deliveries })) return;
    this.#release(deliveries);
    this.#services.slots.release(deliveries.length);
  }

  #failed(error: unknown): void {
    this.#context.log.debug({ err: error }, 'pull failed');
    this.#busy = true;
    this.#context.setTimer('retry', retryMs, { kind: 'retry' });
  }
}
