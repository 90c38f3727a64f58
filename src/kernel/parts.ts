/** How the parts of the kernel see each other: the services they share, a cell (the lasting actor) and a life (one incarnation). */
import type { Clock, Counter, Logger, Random } from '../application/ports/runtime.ts';
import type { ActorDefinition, ActorRef, Behavior, LifeEvent, StopReason } from './actor.ts';
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
  createCell<M>(name: string, definition: ActorDefinition<M>, owner: Owner): Cell<M>;
  /** The actor behind a ref, if it is one of this system. */
  cellOf(ref: ActorRef<never>): Cell<unknown> | undefined;
  refAt<M>(path: string, basePath: string): ActorRef<M>;
}

export interface Owner {
  /** The life that has this cell as a child; none for the root. */
  readonly parent: Life<unknown> | undefined;
  readonly shutdownMs: number | undefined;
  /** With it the cell is supervised: it begins no life by itself and survives the end of one. */
  readonly onLife: ((event: LifeEvent) => void) | undefined;
  readonly budget: (() => RestartBudget) | undefined;
}

/** An actor as long as its name is taken: mailbox, statistics, at most one life at a time. */
export interface Cell<M> extends ActorRef<M> {
  readonly name: string;
  readonly kind: string;
  readonly life: Life<M> | undefined;
  begin(): void;
  end(reason: StopReason, deadlineMs?: number): void;
  /** Ends for good: no further life, the name is freed. */
  remove(reason: StopReason, deadlineMs?: number): void;
  close(as: 'stopped' | 'quarantined', reason: StopReason): void;
  open(): void;
  abandon(): void;
  wake(): void;
  enqueue(item: SystemItem<M>): void;
  childRemoved(child: Cell<unknown>): void;
  stashCurrent(): void;
  unstashAll(): void;
  /** The life's watchers; told at once when the cell is closed already. */
  addWatcher(life: Life<unknown>): void;
  removeWatcher(life: Life<unknown>): void;
  onClosed(listener: (reason: StopReason) => void): void;
  snapshot(): TreeNode;
}

/** One incarnation. Whatever refers to a life that is over is dropped. */
export interface Life<M> {
  readonly number: number;
  /** Monotonic. */
  readonly beganMs: number;
  readonly cell: Cell<M>;
  readonly timers: KeyedTimers<M>;
  /** In order of their spawning. */
  readonly children: Map<string, Cell<unknown>>;
  /** With the ref that was watched, which may be an address. */
  readonly watching: Map<Cell<unknown>, ActorRef<never>>;
  facts: Readonly<Record<string, string | number | boolean>>;
  behavior: Behavior<M> | undefined;
  stage: 'new' | 'starting' | 'running' | 'ending' | 'finalizing' | 'over';
  /** `start` has settled and `ready` too. */
  up: boolean;
  endReason: StopReason | undefined;
  /** Children that an ending has still to stop; the newest is last. */
  toStop: Cell<unknown>[] | undefined;
  cancelDeadline: (() => void) | undefined;
}

/** What bypasses the mailbox. Bounded by what the actor itself has started: watches, timers, promises, children. */
export type SystemItem<M> =
  | { readonly kind: 'terminated'; readonly life: Life<M>; readonly cell: Cell<unknown>; readonly reason: StopReason }
  | { readonly kind: 'nobody'; readonly life: Life<M>; readonly ref: ActorRef<never> }
  | { readonly kind: 'timer'; readonly life: Life<M>; readonly timer: KeyedTimer<M> }
  | { readonly kind: 'message'; readonly life: Life<M>; message(): M };
