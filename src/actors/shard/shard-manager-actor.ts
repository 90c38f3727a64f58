/**
 * Decides which shards this node runs. It acquires the leases of the shards that placement suggests, starts their
 * actors, renews the leases, and hands over shards that belong elsewhere, a few at a time. A shard goes absent →
 * acquiring → up → (handing-over →) absent. A shard actor that crashes is started again after a back-off, as long as
 * the lease holds; every start is a recovery from the store. A node that is announced as draining keeps its shards
 * while no other node can take them. The message `drain` makes it give them all away.
 *
 * While NATS does not answer, leases cannot be renewed. The shards continue, because the epoch in the store decides
 * whose writes count. But they no longer answer reads from memory (`leaseIsSure`), since somebody else may be the owner
 * by then. A shard that crashes is not started again before its lease is sure.
 *
 * If this node alone does not reach the store, or the store accepts none of its commits (`store-reach.ts`), the node
 * gives its shards up. Nothing could be flushed anyway, and the next owner reads the shards from the store.
 */
import type { LeaseHold, ShardLeases } from '../../application/ports/membership.ts';
import type { ActorContext, ActorDefinition, ActorRef, Behavior, Signal } from '../../kernel/actor.ts';
import { shardActor } from './shard-actor.ts';
import type { ShardMessage } from './services/shard-message.ts';
import { type FleetAnswers, fleetAnswers, type FleetSources } from './services/fleet-answers.ts';
import type { ShardServices } from './services/shard-services.ts';
import { StoreReach } from './placement/store-reach.ts';
import { SuggestedShards } from './placement/suggested-shards.ts';

/** Services that the shard manager itself provides to each shard. */
type FromManager = 'leaseIsSure' | 'write' | keyof FleetAnswers;

export interface ShardManagerServices extends Omit<ShardServices, FromManager>, FleetSources {
  readonly incarnation: number;
  readonly shardCount: number;
  readonly leases: ShardLeases;
  /** Called when this node no longer reaches the store, and when it does again, so that other nodes learn of it. */
  readonly onStoreReach: (isAway: boolean) => void;
}

type Outcome<T> = PromiseSettledResult<T>;
export type ShardManagerMessage =
  | { readonly kind: 'tick' }
  | {
      readonly kind: 'acquired' | 'renewed';
      readonly shard: number;
      readonly sentMs: number;
      readonly outcome: Outcome<LeaseHold | undefined>;
    }
  | { readonly kind: 'store-answered'; readonly outcome: Outcome<boolean>; readonly sentMs: number }
  | { readonly kind: 'handed-over'; readonly shard: number }
  /** Other nodes considered this node dead. From now on its leases belong to this incarnation. */
  | { readonly kind: 'rejoined'; readonly incarnation: number }
  | { readonly kind: 'start'; readonly shard: number }
  /** Gives every shard away. `done` is called when no lease is held any more. */
  | { readonly kind: 'drain'; readonly done: () => void };

interface Held {
  hold: LeaseHold;
  phase: 'up' | 'waiting' | 'handing-over';
  ref: ActorRef<ShardMessage> | undefined;
  renewedMs: number;
  renewing: boolean;
  crashes: number;
  startedMs: number;
}

const tickMs = 500;
/** How many shards one node hands over at the same time. The others are served meanwhile. */
export const handOversMax = 4;
/** Each crash in a row doubles the wait before the next start, from `first` up to `most`. */
const backoffMs = { first: 200, most: 10_000 } as const;
/** After a run of this length, earlier crashes of a shard are forgotten. */
const healthyAfterMs = 60_000;
/**
 * Lease expiry may be observed late, because clocks differ and the server sweeps periodically. We allow this margin, or
 * a quarter of the lease if that is smaller.
 */
const leaseMarginMs = 1_000;

export function shardManagerActor(services: ShardManagerServices): ActorDefinition<ShardManagerMessage> {
  return {
    kind: 'shard-manager',
    mailboxCapacity: 16_384,
    start: (context) => new ShardManager(services, context),
  };
}

class ShardManager implements Behavior<ShardManagerMessage> {
  readonly #services: ShardManagerServices;
  readonly #context: ActorContext<ShardManagerMessage>;
  readonly #fleet: FleetAnswers;
  readonly #reach: StoreReach<ShardManagerMessage>;
  readonly #suggested: SuggestedShards;
  readonly #held = new Map<number, Held>();
  readonly #acquiring = new Set<number>();
  readonly #byRef = new Map<string, number>();
  /** Actors that were told to stop and have not ended. A new shard actor of the same name waits for them. */
  readonly #ending = new Map<string, number>();
  readonly #stopListening: readonly (() => void)[];
  #incarnation: number;
  #tickAsked = false;
  #draining: (() => void) | undefined;

  constructor(services: ShardManagerServices, context: ActorContext<ShardManagerMessage>) {
    this.#services = services;
    this.#context = context;
    this.#fleet = fleetAnswers(services);
    this.#incarnation = services.incarnation;
    this.#reach = new StoreReach({
      store: services.store,
      context,
      leaseTtlMs: services.leases.ttlMs,
      message: (outcome, sentMs) => ({ kind: 'store-answered', outcome, sentMs }),
      changed: (isAway) => {
        this.#suggested.changed();
        services.onStoreReach(isAway);
      },
    });
    this.#suggested = new SuggestedShards(services, () => this.#reach.isAway);
    const changed = (): void => {
      this.#suggested.changed();
      this.#askTick();
    };
    this.#stopListening = [services.membership.onChange(changed), services.leases.onChange(changed)];
    this.#tick();
  }

  receive(message: ShardManagerMessage): void {
    switch (message.kind) {
      case 'tick':
        this.#tick();
        break;
      case 'acquired':
        this.#acquired(message.shard, message.sentMs, message.outcome);
        break;
      case 'renewed':
        this.#renewed(message.shard, message.sentMs, message.outcome);
        break;
      case 'store-answered':
        this.#reach.answered(message.outcome, message.sentMs);
        break;
      case 'handed-over':
        this.#release(message.shard);
        break;
      case 'rejoined':
        this.#incarnation = message.incarnation;
        for (const held of this.#held.values()) held.hold = { ...held.hold, incarnation: message.incarnation };
        break;
      case 'start':
        this.#start(message.shard);
        break;
      case 'drain':
        this.#draining = message.done;
        this.#tick();
        break;
    }
  }

  onSignal(signal: Signal): void {
    const ended = this.#ending.get(signal.ref.path);
    if (ended !== undefined) {
      this.#ending.delete(signal.ref.path);
      this.#start(ended);
      return;
    }
    const shard = this.#byRef.get(signal.ref.path);
    if (shard === undefined) return;
    this.#byRef.delete(signal.ref.path);
    const held = this.#held.get(shard);
    if (held === undefined) return;
    held.ref = undefined;
    if (held.phase === 'handing-over') {
      this.#release(shard);
      return;
    }
    const error = signal.reason.kind === 'failed' ? signal.reason.error : undefined;
    const ranMs = this.#context.clock.monotonicMs() - held.startedMs;
    held.crashes = ranMs > healthyAfterMs ? 1 : held.crashes + 1;
    held.phase = 'waiting';
    const waitMs = Math.min(backoffMs.most, backoffMs.first * 2 ** (held.crashes - 1));
    this.#context.log.warn({ err: error, shard, waitMs }, 'shard stopped; it starts again from the store');
    this.#context.setTimer(`start:${shard}`, waitMs, { kind: 'start', shard });
    this.#renew(shard, held);
  }

  onStop(): void {
    for (const stop of this.#stopListening) stop();
  }

  #askTick(): void {
    if (!this.#tickAsked) this.#tickAsked = this.#context.self.tell({ kind: 'tick' });
  }

  #tick(): void {
    this.#tickAsked = false;
    this.#reach.askIfDue();
    this.#reach.look();
    const target = this.#suggested.present();
    const holders = this.#services.leases.holders();
    const others = new Set(this.#services.membership.nodes().map(({ nodeId }) => nodeId));
    others.delete(this.#services.nodeId);
    let handingOver = [...this.#held.values()].filter(({ phase }) => phase === 'handing-over').length;
    for (let shard = 0; shard < this.#services.shardCount; shard += 1) {
      const wanted = target[shard];
      const mine = this.#draining === undefined && wanted === this.#services.nodeId;
      const stays = mine || (this.#draining === undefined && wanted === undefined);
      const held = this.#held.get(shard);
      if (held === undefined) {
        // A holder that is alive is about to hand the shard over. We hear of it when it releases the lease.
        if (mine && !others.has(holders.get(shard) ?? '')) this.#acquire(shard);
      } else if (!stays && this.#draining === undefined && this.#reach.isAway) {
        // Release without a hand-over: the store would not receive the flush.
        if (this.#reach.isGivenUp) this.#release(shard);
        else this.#renewInTime(shard, held);
      } else if (!stays && held.phase !== 'handing-over' && handingOver < handOversMax) {
        handingOver += 1;
        this.#handOver(shard, held);
      } else if (held.phase !== 'handing-over') this.#renewInTime(shard, held);
    }
    this.#context.describe(this.#facts());
    this.#context.setTimer('tick', tickMs, { kind: 'tick' });
    this.#checkDrained();
  }

  /** `lease.<shard>` is the time at which the lease was renewed, on the monotonic clock. */
  #facts(): Readonly<Record<string, number>> {
    const leases = [...this.#held].map(([shard, { renewedMs }]) => [`lease.${shard}`, Math.round(renewedMs)] as const);
    return { shards: this.#held.size, ...Object.fromEntries(leases) };
  }

  #acquire(shard: number): void {
    if (this.#acquiring.has(shard)) return;
    this.#acquiring.add(shard);
    const { leases, nodeId } = this.#services;
    const sentMs = this.#context.clock.monotonicMs();
    this.#context.pipeToSelf(leases.acquire(shard, nodeId, this.#incarnation), (outcome) => ({
      kind: 'acquired',
      shard,
      sentMs,
      outcome,
    }));
  }

  /**
   * The lease counts from the moment it was asked for, because the answer may have come late or this process may have
   * been stopped in between.
   */
  #acquired(shard: number, sentMs: number, outcome: Outcome<LeaseHold | undefined>): void {
    this.#acquiring.delete(shard);
    if (outcome.status === 'rejected' || outcome.value === undefined) return;
    this.#held.set(shard, {
      hold: outcome.value,
      phase: 'waiting',
      ref: undefined,
      renewedMs: sentMs,
      renewing: false,
      crashes: 0,
      startedMs: sentMs,
    });
    this.#start(shard);
  }

  #start(shard: number): void {
    const held = this.#held.get(shard);
    const name = `shard:${shard}`;
    if (held?.phase !== 'waiting' || [...this.#ending.values()].includes(shard)) return;
    if (!this.#leaseIsSure(shard)) {
      // Somebody else may be the owner by now. A start would take the shard from them.
      this.#context.setTimer(`start:${shard}`, tickMs, { kind: 'start', shard });
      return;
    }
    held.phase = 'up';
    held.startedMs = this.#context.clock.monotonicMs();
    const services: ShardServices = {
      ...this.#services,
      leaseIsSure: () => this.#leaseIsSure(shard),
      write: this.#reach.write,
      ...this.#fleet,
    };
    held.ref = this.#context.spawn(name, shardActor(shard, services));
    this.#byRef.set(held.ref.path, shard);
    this.#context.watch(held.ref);
  }

  #leaseIsSure(shard: number): boolean {
    const held = this.#held.get(shard);
    if (held === undefined) return false;
    const { ttlMs } = this.#services.leases;
    return this.#context.clock.monotonicMs() < held.renewedMs + ttlMs - Math.min(leaseMarginMs, ttlMs / 4);
  }

  #renewInTime(shard: number, held: Held): void {
    const dueMs = held.renewedMs + this.#services.leases.ttlMs / 3;
    if (this.#context.clock.monotonicMs() >= dueMs) this.#renew(shard, held);
  }

  #renew(shard: number, held: Held): void {
    if (held.renewing) return;
    held.renewing = true;
    const sentMs = this.#context.clock.monotonicMs();
    this.#context.pipeToSelf(this.#services.leases.renew(held.hold), (outcome) => ({
      kind: 'renewed',
      shard,
      sentMs,
      outcome,
    }));
  }

  #renewed(shard: number, sentMs: number, outcome: Outcome<LeaseHold | undefined>): void {
    const held = this.#held.get(shard);
    if (held === undefined) return;
    held.renewing = false;
    if (outcome.status === 'rejected') {
      this.#context.log.debug({ err: outcome.reason, shard }, 'lease not renewed; tried again');
      return;
    }
    if (outcome.value !== undefined) {
      held.hold = outcome.value;
      held.renewedMs = sentMs;
      return;
    }
    this.#context.log.warn({ shard }, 'lease lost; the shard stops here');
    this.#held.delete(shard);
    this.#context.cancelTimer(`start:${shard}`);
    this.#stop(shard, held);
    this.#checkDrained();
  }

  #stop(shard: number, { ref }: Held): void {
    if (ref === undefined) return;
    this.#byRef.delete(ref.path);
    this.#ending.set(ref.path, shard);
    this.#context.stop(ref);
  }

  #handOver(shard: number, held: Held): void {
    const { ref } = held;
    held.phase = 'handing-over';
    this.#context.cancelTimer(`start:${shard}`);
    const done = (): boolean => this.#context.self.tell({ kind: 'handed-over', shard });
    const asked = ref?.tell({ kind: 'hand-over', done });
    if (asked !== true) this.#release(shard);
  }

  /** Stops the actor and releases the lease, so that the next owner need not wait until it expires. */
  #release(shard: number): void {
    const held = this.#held.get(shard);
    if (held === undefined) return;
    this.#context.cancelTimer(`start:${shard}`);
    this.#stop(shard, held);
    this.#held.delete(shard);
    this.#services.leases.release(held.hold).catch((error: unknown) => {
      this.#context.log.debug({ err: error, shard }, 'lease not released; it runs out');
    });
    // The tick hands over the next shard, if some wait for their turn.
    this.#askTick();
  }

  #checkDrained(): void {
    if (this.#draining === undefined || this.#held.size > 0 || this.#acquiring.size > 0) return;
    this.#draining();
  }
}
