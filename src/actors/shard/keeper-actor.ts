/**
 * Decides which shards this node runs: acquires the leases of the shards that placement suggests, starts their actors,
 * renews, hands over what belongs elsewhere. Per shard: absent → acquiring → up → (handing-over →) absent; a shard actor
 * that crashes is started again after a back-off, as long as the lease holds: its start is a take-over from the store.
 *
 * While NATS does not answer the leases cannot be renewed; the shards go on, because the epoch in the store decides, but
 * they no longer answer reads from memory (`leaseIsSure`), since somebody else may be the owner by then.
 */
import { HandlerFleet } from '../../application/handler-fleet.ts';
import type { LeaseHold, Membership, ShardLeases } from '../../application/ports/membership.ts';
import { suggestOwner } from '../../supervisor/placement.ts';
import type { ActorContext, ActorDefinition, ActorRef, Behavior, Signal } from '../kernel/actor.ts';
import { shardActor } from './shard-actor.ts';
import type { ShardMessage } from './shard-message.ts';
import type { ShardServices } from './shard-services.ts';

export interface KeeperServices extends Omit<ShardServices, 'leaseIsSure' | 'everyNodeHas'> {
  readonly incarnation: number;
  readonly shardCount: number;
  readonly leases: ShardLeases;
  readonly membership: Pick<Membership, 'nodes' | 'onChange'>;
}

type Outcome<T> = PromiseSettledResult<T>;
export type KeeperMessage =
  | { readonly kind: 'tick' }
  | { readonly kind: 'acquired'; readonly shard: number; readonly outcome: Outcome<LeaseHold | undefined> }
  | {
      readonly kind: 'renewed';
      readonly shard: number;
      readonly sentMs: number;
      readonly outcome: Outcome<LeaseHold | undefined>;
    }
  | { readonly kind: 'handed-over'; readonly shard: number }
  | { readonly kind: 'start'; readonly shard: number }
  /** Gives every shard away; `done` when the last lease is released. */
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
/** Crashes in a row double the wait before the next start, from here to there. */
const backoffMs = { first: 200, most: 10_000 } as const;
/** A shard that ran so long has recovered. */
const healthyAfterMs = 60_000;
/** Clocks and the server's own expiry may be this late. */
const leaseMarginMs = 1_000;

export function keeperActor(services: KeeperServices): ActorDefinition<KeeperMessage> {
  return {
    kind: 'keeper',
    mailboxCapacity: 16_384,
    start: (context) => new Keeper(services, context),
  };
}

class Keeper implements Behavior<KeeperMessage> {
  readonly #services: KeeperServices;
  readonly #context: ActorContext<KeeperMessage>;
  readonly #fleet: HandlerFleet;
  readonly #held = new Map<number, Held>();
  readonly #acquiring = new Set<number>();
  readonly #byRef = new Map<string, number>();
  readonly #stopListening: () => void;
  #draining: (() => void) | undefined;

  constructor(services: KeeperServices, context: ActorContext<KeeperMessage>) {
    this.#services = services;
    this.#context = context;
    this.#fleet = new HandlerFleet(services.membership);
    this.#stopListening = services.membership.onChange(() => context.self.tell({ kind: 'tick' }));
    this.#tick();
  }

  receive(message: KeeperMessage): void {
    switch (message.kind) {
      case 'tick':
        this.#tick();
        break;
      case 'acquired':
        this.#acquired(message.shard, message.outcome);
        break;
      case 'renewed':
        this.#renewed(message.shard, message.sentMs, message.outcome);
        break;
      case 'handed-over':
        this.#giveAway(message.shard);
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
    const shard = this.#byRef.get(signal.ref.path);
    if (shard === undefined) return;
    this.#byRef.delete(signal.ref.path);
    const held = this.#held.get(shard);
    if (held === undefined) return;
    held.ref = undefined;
    if (held.phase === 'handing-over') {
      this.#giveAway(shard);
      return;
    }
    const error = signal.reason.kind === 'failed' ? signal.reason.error : undefined;
    const ranMs = this.#context.clock.monotonicMs() - held.startedMs;
    held.crashes = ranMs > healthyAfterMs ? 1 : held.crashes + 1;
    held.phase = 'waiting';
    const waitMs = Math.min(backoffMs.most, backoffMs.first * 2 ** (held.crashes - 1));
    this.#context.log.warn({ err: error, shard, waitMs }, 'shard stopped; it starts again from the store');
    this.#context.setTimer(`start:${String(shard)}`, waitMs, { kind: 'start', shard });
    this.#renew(shard, held);
  }

  onStop(): void {
    this.#stopListening();
  }

  #tick(): void {
    const owners = this.#services.membership
      .nodes()
      .filter((node) => node.roles.includes('shards') && !node.draining)
      .map((node) => node.nodeId);
    for (let shard = 0; shard < this.#services.shardCount; shard += 1) {
      const mine = this.#draining === undefined && suggestOwner(shard, owners) === this.#services.nodeId;
      const held = this.#held.get(shard);
      if (held === undefined) {
        if (mine) this.#acquire(shard);
      } else if (mine) this.#renewInTime(shard, held);
      else this.#handOver(shard, held);
    }
    this.#context.describe({ shards: this.#held.size });
    this.#context.setTimer('tick', tickMs, { kind: 'tick' });
    this.#checkDrained();
  }

  #acquire(shard: number): void {
    if (this.#acquiring.has(shard)) return;
    this.#acquiring.add(shard);
    const { leases, nodeId, incarnation } = this.#services;
    this.#context.pipeToSelf(leases.acquire(shard, nodeId, incarnation), (outcome) => ({
      kind: 'acquired',
      shard,
      outcome,
    }));
  }

  #acquired(shard: number, outcome: Outcome<LeaseHold | undefined>): void {
    this.#acquiring.delete(shard);
    if (outcome.status === 'rejected' || outcome.value === undefined) return;
    const nowMs = this.#context.clock.monotonicMs();
    this.#held.set(shard, {
      hold: outcome.value,
      phase: 'waiting',
      ref: undefined,
      renewedMs: nowMs,
      renewing: false,
      crashes: 0,
      startedMs: nowMs,
    });
    this.#start(shard);
  }

  #start(shard: number): void {
    const held = this.#held.get(shard);
    if (held?.phase !== 'waiting') return;
    held.phase = 'up';
    held.startedMs = this.#context.clock.monotonicMs();
    const services: ShardServices = {
      ...this.#services,
      leaseIsSure: () => this.#leaseIsSure(shard),
      everyNodeHas: (need) => this.#fleet.everyNodeHas(need),
    };
    const name = `shard:${String(shard)}`;
    held.ref = this.#context.spawn(name, shardActor(shard, services));
    this.#byRef.set(held.ref.path, shard);
    this.#context.watch(held.ref);
  }

  #leaseIsSure(shard: number): boolean {
    const held = this.#held.get(shard);
    if (held === undefined) return false;
    return this.#context.clock.monotonicMs() < held.renewedMs + this.#services.leases.ttlMs - leaseMarginMs;
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
    this.#context.cancelTimer(`start:${String(shard)}`);
    if (held.ref !== undefined) {
      this.#byRef.delete(held.ref.path);
      this.#context.stop(held.ref);
    }
    this.#checkDrained();
  }

  #handOver(shard: number, held: Held): void {
    if (held.phase === 'handing-over') return;
    const { ref } = held;
    held.phase = 'handing-over';
    this.#context.cancelTimer(`start:${String(shard)}`);
    const asked = ref?.tell({
      kind: 'hand-over',
      done: () => this.#context.self.tell({ kind: 'handed-over', shard }),
    });
    if (asked !== true) this.#giveAway(shard);
  }

  /** Flushed: the actor stops, and the next owner need not wait for the lease to run out. */
  #giveAway(shard: number): void {
    const held = this.#held.get(shard);
    if (held === undefined) return;
    if (held.ref !== undefined) {
      this.#byRef.delete(held.ref.path);
      this.#context.stop(held.ref);
    }
    this.#held.delete(shard);
    this.#services.leases.release(held.hold).catch((error: unknown) => {
      this.#context.log.debug({ err: error, shard }, 'lease not released; it runs out');
    });
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#draining === undefined || this.#held.size > 0 || this.#acquiring.size > 0) return;
    this.#draining();
  }
}
