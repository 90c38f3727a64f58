/** How the parts of the kernel see each other: the shared services, the actor, and one incarnation of an actor. */
import type { Clock, Counter, Logger, Random } from '../application/ports/runtime.ts';
import type { ActorDefinition, ActorRef, Behavior, IncarnationEvent, StopReason } from './actor.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { EventBus } from './events.ts';
import type { Scheduler } from './scheduler.ts';
import type { KeyedTimer, KeyedTimers } from './timers.ts';
import type { RestartBudget, TreeNode } from './tree.ts';

export interface Kernel {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly scheduler: Scheduler;
  readonly deadLetters: DeadLetters;
  readonly events: EventBus;
  readonly crashes: Counter;
  readonly restarts: Counter;
  readonly abandoned: Counter;
  createActor<M>(name: string, definition: ActorDefinition<M>, owner: Owner): Actor<M>;
  /** Finds the actor behind a ref. Returns `undefined` if the ref does not belong to this system. */
  actorOf(ref: ActorRef<never>): Actor<unknown> | undefined;
  refAt<M>(path: string, basePath: string): ActorRef<M>;
}

export interface Owner {
  /** The parent's incarnation; `undefined` only for the root. */
  readonly parent: Incarnation<unknown> | undefined;
  readonly shutdownMs: number | undefined;
  /** If set, the actor is supervised: it starts no incarnation by itself, and outlives the end of one. */
  readonly onIncarnation: ((event: IncarnationEvent) => void) | undefined;
  readonly budget: (() => RestartBudget) | undefined;
}

/** An actor, for as long as its name is taken: the mailbox, the statistics, and at most one incarnation at a time. */
export interface Actor<M> extends ActorRef<M> {
  readonly name: string;
  readonly kind: string;
  readonly incarnation: Incarnation<M> | undefined;
  begin(): void;
  end(reason: StopReason, deadlineMs?: number): void;
  /** Ends the actor for good: it gets no further incarnation, and its name becomes free. */
  remove(reason: StopReason, deadlineMs?: number): void;
  close(as: 'stopped' | 'quarantined', reason: StopReason): void;
  open(): void;
  abandon(): void;
  wake(): void;
  enqueue(item: SystemItem<M>): void;
  childRemoved(child: Actor<unknown>): void;
  stashCurrent(): void;
  unstashAll(): void;
  /** Registers an incarnation to receive `terminated`. If this actor is closed already, the signal is sent at once. */
  addWatcher(incarnation: Incarnation<unknown>): void;
  removeWatcher(incarnation: Incarnation<unknown>): void;
  onClosed(listener: (reason: StopReason) => void): void;
  snapshot(): TreeNode;
}

/** One incarnation of an actor. Anything addressed to an incarnation that is over is dropped. */
export interface Incarnation<M> {
  readonly number: number;
  /** In ms of the monotonic clock. */
  readonly beganMs: number;
  readonly actor: Actor<M>;
  readonly timers: KeyedTimers<M>;
  /** In the order of spawning. */
  readonly children: Map<string, Actor<unknown>>;
  /**
   * Watched actors, each with the ref that the watcher used: `terminated` must name that ref, which may be a `PathRef`.
   */
  readonly watching: Map<Actor<unknown>, ActorRef<never>>;
  facts: Readonly<Record<string, string | number | boolean>>;
  behavior: Behavior<M> | undefined;
  /** Undefined until `start` has succeeded. */
  stage: 'new' | 'starting' | 'running' | 'ending' | 'finalizing' | 'over';
  /** True when `start` has returned and `ready` has resolved. */
  up: boolean;
  /** Set once the incarnation begins to end. */
  endReason: StopReason | undefined;
  /** Children that still have to stop before this incarnation can end, newest last. */
  toStop: Actor<unknown>[] | undefined;
  cancelDeadline: (() => void) | undefined;
}

/**
 * Items that bypass the mailbox. Their number is bounded by what the actor itself has started: watches, timers,
 * promises and children.
 */
export type SystemItem<M> =
  | {
      readonly kind: 'terminated';
      readonly incarnation: Incarnation<M>;
      readonly actor: Actor<unknown>;
      readonly reason: StopReason;
    }
  | { readonly kind: 'nobody'; readonly incarnation: Incarnation<M>; readonly ref: ActorRef<never> }
  | { readonly kind: 'timer'; readonly incarnation: Incarnation<M>; readonly timer: KeyedTimer<M> }
  | { readonly kind: 'message'; readonly incarnation: Incarnation<M>; message(): M };
