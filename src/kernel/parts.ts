/** How the parts of the kernel see each other: the shared services, the actor, and one incarnation of an actor. */
import type { Clock, Counter, Logger, Random } from '../application/ports/runtime.ts';
import type { ActorDefinition, ActorRef, Behavior, IncarnationEvent, StopReason } from './actor.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { EventBus } from './events.ts';
import type { Scheduler } from './scheduler.ts';
import type { KeyedTimer, KeyedTimers } from './timers.ts';
import type { RestartBudget, TreeNode } from './tree.ts';

/** The services that all actors of a system share. */
export interface Kernel {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly scheduler: Scheduler;
  readonly deadLetters: DeadLetters;
  readonly events: EventBus;
  /** Incarnations that ended with an error, by kind of actor. */
  readonly crashes: Counter;
  /** Incarnations after the first, by kind of actor. */
  readonly restarts: Counter;
  /** Actors that did not stop in time, by kind of actor. */
  readonly abandoned: Counter;
  /** Creates an actor without an incarnation. The caller must add it to the children of its parent. */
  createActor<M>(name: string, definition: ActorDefinition<M>, owner: Owner): Actor<M>;
  /** Finds the actor behind a ref. Returns `undefined` if the ref does not belong to this system. */
  actorOf(ref: ActorRef<never>): Actor<unknown> | undefined;
  /** Creates an address that looks up its path for each message. */
  refAt<M>(path: string, basePath: string): ActorRef<M>;
}

/** The owner of an actor, and the rules that it sets. */
export interface Owner {
  /** The parent's incarnation; `undefined` only for the root. */
  readonly parent: Incarnation<unknown> | undefined;
  /** The time in ms that an ending may take; `undefined` for no deadline. */
  readonly shutdownMs: number | undefined;
  /** If set, the actor is supervised: it starts no incarnation by itself, and outlives the end of one. */
  readonly onIncarnation: ((event: IncarnationEvent) => void) | undefined;
  /** Called to show the restart budget in the tree view. */
  readonly budget: (() => RestartBudget) | undefined;
}

/** An actor, for as long as its name is taken: the mailbox, the statistics, and at most one incarnation at a time. */
export interface Actor<M> extends ActorRef<M> {
  readonly name: string;
  readonly kind: string;
  /** The current incarnation; `undefined` between two of them. */
  readonly incarnation: Incarnation<M> | undefined;
  /** Starts an incarnation. Throws if there is one, or if the actor is being removed. */
  begin(): void;
  /** Asks the current incarnation to end. `deadlineMs` replaces the owner's `shutdownMs`. */
  end(reason: StopReason, deadlineMs?: number): void;
  /** Ends the actor for good: it gets no further incarnation, and its name becomes free. */
  remove(reason: StopReason, deadlineMs?: number): void;
  /** Refuses messages and notifies the watchers. Throws if there is an incarnation. */
  close(as: 'stopped' | 'suspended', reason: StopReason): void;
  /** Undoes `close`, unless the actor was removed. */
  open(): void;
  /** Ends the incarnation at once, without waiting for its hooks, and abandons its children. */
  abandon(): void;
  /** Schedules the actor if it has work. */
  wake(): void;
  /** Adds an item that bypasses the mailbox. */
  enqueue(item: SystemItem<M>): void;
  /** Called by a child that is gone for good. */
  childRemoved(child: Actor<unknown>): void;
  /** Puts the current message aside. Throws if there is none. */
  stashCurrent(): void;
  /** Returns the stash to the front of the mailbox. */
  unstashAll(): void;
  /** Registers an incarnation to receive `terminated`. If this actor is closed already, the signal is sent at once. */
  addWatcher(incarnation: Incarnation<unknown>): void;
  removeWatcher(incarnation: Incarnation<unknown>): void;
  /** Calls `listener` when the actor is removed, or at once if it was. */
  onClosed(listener: (reason: StopReason) => void): void;
  /** The actor's entry in the tree view. */
  snapshot(): TreeNode;
}

/** One incarnation of an actor. Anything addressed to an incarnation that is over is dropped. */
export interface Incarnation<M> {
  /** Counts from 1. */
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
  /** What the behavior last passed to `describe`. */
  facts: Readonly<Record<string, string | number | boolean>>;
  /** Undefined until `start` has succeeded. */
  behavior: Behavior<M> | undefined;
  stage: 'new' | 'starting' | 'running' | 'ending' | 'finalizing' | 'over';
  /** True when `start` has returned and `ready` has resolved. */
  up: boolean;
  /** Set once the incarnation begins to end. */
  endReason: StopReason | undefined;
  /** Children that still have to stop before this incarnation can end, newest last. */
  toStop: Actor<unknown>[] | undefined;
  /** Cancels the timer that abandons the actor. */
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
