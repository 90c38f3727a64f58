/**
 * The vocabulary of the actor kernel: what a behavior is given and what it may do. No job lives here.
 *
 * An actor handles one message at a time; its next message waits until `receive` returned (or its promise settled).
 * Every mailbox is bounded; a message that is refused becomes a counted dead letter with a reason, never silence.
 */
import type { Clock, Logger, Random } from '../../application/ports/runtime.ts';

export interface ActorRef<M> {
  readonly path: string;
  /** False when the mailbox is full or the actor has stopped: the message is then a dead letter. */
  tell(message: M): boolean;
}

export type StopReason =
  { readonly kind: 'normal' } | { readonly kind: 'shutdown' } | { readonly kind: 'failed'; readonly error: unknown };

/** News that bypasses the mailbox's bound. */
export type Signal = { readonly kind: 'terminated'; readonly ref: ActorRef<never>; readonly reason: StopReason };

export interface Behavior<M> {
  /** A throw or rejection crashes the actor; its supervisor decides what then. */
  receive(message: M): void | Promise<void>;
  onSignal?(signal: Signal): void | Promise<void>;
  /** Runs once, after the last message and after all children have stopped, also after a crash. */
  onStop?(reason: StopReason): void | Promise<void>;
}

export interface ActorDefinition<M> {
  /** Short noun for the tree view: `shard`, `queue`, `run`, `supervisor`. */
  readonly kind: string;
  /** Messages that may wait; there is no default, so an unbounded mailbox cannot be written. */
  readonly mailboxCapacity: number;
  /** Called at each (re)start. */
  start(context: ActorContext<M>): Behavior<M> | Promise<Behavior<M>>;
}

export interface ActorContext<M> {
  readonly self: ActorRef<M>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** A child; names are unique among siblings. Children stop before their parent does, newest first. */
  spawn<C>(name: string, definition: ActorDefinition<C>): ActorRef<C>;
  /** Asks the actor to stop; watchers hear of it when it has. */
  stop(ref: ActorRef<never>): void;
  /** Stops this actor after the current message. */
  stopSelf(): void;
  /** Crashes this actor with `error`, also from a callback. */
  fail(error: unknown): void;
  watch(ref: ActorRef<never>): void;
  unwatch(ref: ActorRef<never>): void;
  /** One timer per key; setting it again replaces it. A timer of a former life or a replaced one never fires. */
  setTimer(key: string, delayMs: number, message: M): void;
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
