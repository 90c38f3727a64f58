/**
 * The vocabulary of the actor kernel: what a behavior is given and what it may do. No job lives here.
 *
 * An actor handles one message at a time; its next message waits until `receive` returned (or its promise settled).
 * Every mailbox is bounded; a message that is refused becomes a counted dead letter with a reason, never silence.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import type { RestartBudget } from './tree.ts';

/** Where messages to an actor go. It stays valid over restarts. */
export interface ActorRef<M> {
  /** Unique in the system. */
  readonly path: string;
  /** False when the mailbox is full or the actor has stopped: the message is then a dead letter. */
  tell(message: M): boolean;
}

/** Why nobody will handle a message. */
export type DeadLetterReason =
  | 'mailbox_full'
  | 'stash_full'
  /** The actor has stopped, or stopped while the message waited. */
  | 'stopped'
  | 'quarantined'
  /** Sent to a path where no actor is. */
  | 'no_actor';

export type StopReason =
  { readonly kind: 'normal' } | { readonly kind: 'shutdown' } | { readonly kind: 'failed'; readonly error: unknown };

/** News that bypasses the mailbox's bound. */
export type Signal = { readonly kind: 'terminated'; readonly ref: ActorRef<never>; readonly reason: StopReason };

/** What an actor does with a message. */
export interface Behavior<M> {
  /**
   * For an actor that is useful only once something else is: messages are handled at once, but its supervisor counts it as
   * up (and starts the next sibling) when this resolves. A rejection crashes the actor.
   */
  readonly ready?: Promise<void>;
  /**
   * A throw or rejection crashes the actor; its supervisor decides what then. The message that did it is not tried again;
   * those that wait (also stashed ones) are handled by the next life, or are dead letters if there is none.
   */
  receive(message: M): void | Promise<void>;
  /** What it does with a signal of the kernel: the end of a child, or of a watched actor. */
  onSignal?(signal: Signal): void | Promise<void>;
  /**
   * Runs once, after the last message and after all children have stopped, also after a crash. If it throws, a normal stop
   * becomes a failed one. Skipped only when the actor is abandoned past its `shutdownMs`.
   */
  onStop?(reason: StopReason): void | Promise<void>;
}

/** How to make an actor. One definition makes any number of them. */
export interface ActorDefinition<M> {
  /** Short noun for the tree view: `shard`, `queue`, `run`, `supervisor`. */
  readonly kind: string;
  /** Messages that may wait; there is no default, so an unbounded mailbox cannot be written. */
  readonly mailboxCapacity: number;
  /**
   * How long an ending (the message in hand, the children, `onStop`) may take; past it the actor is abandoned: what still
   * runs can no longer reach the system. Without it only a parent's deadline limits it.
   */
  readonly shutdownMs?: number;
  /** Called at each (re)start. */
  start(context: ActorContext<M>): Behavior<M> | Promise<Behavior<M>>;
}

/** What a supervisor hears of a child's lives. `ended` comes after its children have stopped and `onStop` has run. */
export type LifeEvent = { readonly kind: 'up' } | { readonly kind: 'ended'; readonly reason: StopReason };

/**
 * A child whose lives its parent begins and ends. The ref stays valid across lives; between them messages wait in the
 * mailbox, up to its bound. Without a life until `start`.
 */
export interface SupervisedChild<C> {
  /** Stays valid over restarts. */
  readonly ref: ActorRef<C>;
  /** Begins a life; there must be none. */
  start(): void;
  /** Ends the current life, if there is one; `ended` tells when it is over. */
  end(): void;
  /** Only without a life: waiting and later messages become dead letters, watchers are told. */
  close(as: 'stopped' | 'quarantined', reason: StopReason): void;
  /** Takes back `close`: messages wait again for the next life. `start` does it too. */
  open(): void;
  /** Ends the life if there is one, without an event, and frees the name when it is over. */
  remove(): void;
}

/** How a supervised child is started. */
export interface SupervisedOptions<M> {
  /** Replaces the definition's `shutdownMs`; `undefined`: no deadline of its own. */
  readonly shutdownMs: number | undefined;
  /** Life events come as messages, exempt from the bound. */
  toMessage(event: LifeEvent): M;
  /** Asked whenever someone looks at the tree. */
  readonly budget: (() => RestartBudget) | undefined;
}

/** What a behavior may do. It is valid for one life of the actor. */
export interface ActorContext<M> {
  /** The actor itself. */
  readonly self: ActorRef<M>;
  /** Time of the system. */
  readonly clock: Clock;
  /** Chance of the system, seeded in tests. */
  readonly random: Random;
  /** Log with the path of the actor in each line. */
  readonly log: Logger;
  /**
   * A child; names are unique among siblings. Children stop before their parent does, newest first, one after the other.
   * If it crashes it stops (`watch` tells); for restarts use `supervise` of `src/supervisor`.
   */
  spawn<C>(name: string, definition: ActorDefinition<C>): ActorRef<C>;
  /** For supervisors: a child that may live several times. */
  spawnSupervised<C>(name: string, definition: ActorDefinition<C>, options: SupervisedOptions<M>): SupervisedChild<C>;
  /**
   * A lasting address: each message goes to the actor that is at this path then, else it is a dead letter (`no_actor`).
   * Absolute (`/queues/mail`) or a sibling (`../runs`). The type is the caller's claim.
   */
  refAt<C>(path: string): ActorRef<C>;
  /** Asks the actor to stop; watchers hear of it when it has. */
  stop(ref: ActorRef<never>): void;
  /** Stops this actor after the current message. */
  stopSelf(): void;
  /** Crashes this actor with `error`, also from a callback. */
  fail(error: unknown): void;
  /** Asks for a `terminated` signal when the other actor has ended. */
  watch(ref: ActorRef<never>): void;
  /** Takes `watch` back. */
  unwatch(ref: ActorRef<never>): void;
  /** One timer per key; setting it again replaces it. A timer of a former life or a replaced one never fires. */
  setTimer(key: string, delayMs: number, message: M): void;
  /** Cancels the timer of that key; harmless if there is none. */
  cancelTimer(key: string): void;
  /** The outcome of a promise comes back as a message, unless this life of the actor is over. Exempt from the bound. */
  pipeToSelf<T>(promise: Promise<T>, toMessage: (outcome: PromiseSettledResult<T>) => M): void;
  /** Keeps the current message for later; at most `mailboxCapacity`, past it the message is a dead letter. */
  stash(): void;
  /** Stashed messages are handled next, oldest first. */
  unstashAll(): void;
  /** Shown in the tree view: small, JSON-ready facts. */
  describe(facts: Readonly<Record<string, string | number | boolean>>): void;
}
