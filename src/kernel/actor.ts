/**
 * The interfaces of the actor kernel: what a behavior receives and what it may do. The kernel knows nothing of jobs.
 *
 * Invariants:
 * - An actor handles one message at a time. The next one waits until `receive` has returned or its promise has settled.
 * - Every mailbox is bounded. A refused message becomes a dead letter with a reason and is counted; none vanishes
 *   silently.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import type { RestartBudget } from './tree.ts';

/** Where to send messages to an actor. A ref stays valid when the actor restarts. */
export interface ActorRef<M> {
  /** The actor's path, unique in the system. */
  readonly path: string;
  /**
   * Queues a message without waiting. Returns false, and records a dead letter, if the mailbox is full or the actor has
   * stopped.
   */
  tell(message: M): boolean;
}

/** Why a message will never be handled. */
export type DeadLetterReason =
  /** The mailbox of the receiver already held `mailboxCapacity` messages. */
  | 'mailbox_full'
  /** The stash of the receiver was full. */
  | 'stash_full'
  /** The actor had stopped, or stopped while the message was waiting. */
  | 'stopped'
  /** The supervisor has suspended the actor. */
  | 'suspended'
  /** No actor exists at the path. */
  | 'no_actor';

/** Why an actor stopped: by itself, because another actor or the system asked, or with an error. */
export type StopReason =
  { readonly kind: 'normal' } | { readonly kind: 'shutdown' } | { readonly kind: 'failed'; readonly error: unknown };

/** A notice from the kernel. Signals do not count against the mailbox capacity. */
export type Signal = { readonly kind: 'terminated'; readonly ref: ActorRef<never>; readonly reason: StopReason };

/** How an actor reacts to messages. */
export interface Behavior<M> {
  /**
   * Set this if the actor is useful only after some preparation. It handles messages at once, but its supervisor
   * regards it as up, and starts the next sibling, only when the promise resolves. A rejection crashes the actor.
   * Default: up at once.
   */
  readonly ready?: Promise<void>;
  /**
   * Handles one message. If it throws or rejects, the actor crashes and its supervisor decides what follows. The
   * failing message is not retried. Waiting and stashed messages go to the next incarnation, or become dead letters if
   * there is none.
   */
  receive(message: M): void | Promise<void>;
  /** Handles a signal: an actor that this one watches has ended. Default: signals are ignored. */
  onSignal?(signal: Signal): void | Promise<void>;
  /**
   * Runs once per incarnation, after the last message and after all children have stopped, also after a crash. If it
   * throws, a normal stop becomes a failed one. It is skipped only if the actor is abandoned after its `shutdownMs`.
   */
  onStop?(reason: StopReason): void | Promise<void>;
}

/** How to create an actor. A definition can be used any number of times. */
export interface ActorDefinition<M> {
  /** A short noun for the tree view and the metrics, such as `shard`, `queue` or `supervisor`. */
  readonly kind: string;
  /** The number of messages that may wait. It has no default, so that nobody can write an unbounded mailbox. */
  readonly mailboxCapacity: number;
  /**
   * The time in ms that stopping may take: the current message, the children and `onStop`. After it the actor is
   * abandoned, and code of it that still runs can no longer reach the system. Default: only the parent's deadline
   * applies.
   */
  readonly shutdownMs?: number;
  /** Creates the behavior of a new incarnation. If it throws or rejects, the actor crashes. */
  start(context: ActorContext<M>): Behavior<M> | Promise<Behavior<M>>;
}

/**
 * What a supervisor learns about a child. `ended` comes after the child's own children have stopped and `onStop` has
 * run.
 */
export type IncarnationEvent = { readonly kind: 'up' } | { readonly kind: 'ended'; readonly reason: StopReason };

/**
 * A child whose incarnations its parent starts and ends.
 * Between two incarnations messages wait in the mailbox, up to its capacity. A new child has no incarnation until
 * `start`.
 */
export interface SupervisedChild<C> {
  /** Stays valid when the child restarts. */
  readonly ref: ActorRef<C>;
  /** Starts an incarnation. Throws if there is one already. */
  start(): void;
  /** Ends the current incarnation, if there is one. The `ended` event follows when it is over. */
  end(): void;
  /**
   * Refuses messages: waiting and later ones become dead letters, and watchers receive `terminated`. Throws if the
   * child has an incarnation.
   */
  close(as: 'stopped' | 'suspended', reason: StopReason): void;
  /** Undoes `close`: messages wait for the next incarnation again. `start` does this too. */
  open(): void;
  /** Ends the current incarnation, if there is one, without an `ended` event, then frees the name. */
  remove(): void;
}

/** How a parent supervises a child. */
export interface SupervisedOptions<M> {
  /** Replaces the definition's `shutdownMs`, in ms. With `undefined` the child has no deadline of its own. */
  readonly shutdownMs: number | undefined;
  /**
   * Turns a life-cycle event into a message to the parent. These messages do not count against the mailbox capacity.
   */
  toMessage(event: IncarnationEvent): M;
  /** Called each time someone reads the tree, to show the restart budget. With `undefined` no budget is shown. */
  readonly budget: (() => RestartBudget) | undefined;
}

/** What a behavior may do. A context is valid for one incarnation of the actor. */
export interface ActorContext<M> {
  /** The ref of this actor. */
  readonly self: ActorRef<M>;
  /** The clock of the system; virtual in tests. */
  readonly clock: Clock;
  /** The random source of the system; seeded in tests. */
  readonly random: Random;
  /** A logger that adds the path of the actor to each line. */
  readonly log: Logger;
  /**
   * Starts a child under a name that no sibling has. A child that crashes stops; `watch` reports it. For restarts use
   * `supervise` from `src/supervisor`. Children stop before their parent does, one at a time, newest first.
   * Throws if the name is taken or malformed, or if this actor is stopping.
   */
  spawn<C>(name: string, definition: ActorDefinition<C>): ActorRef<C>;
  /** Creates a child that may have several incarnations; for supervisors. Throws like `spawn`. */
  spawnSupervised<C>(name: string, definition: ActorDefinition<C>, options: SupervisedOptions<M>): SupervisedChild<C>;
  /**
   * Returns an address that outlives actors. Each message goes to the actor that is at the path at that time, or
   * becomes a dead letter (`no_actor`). The path is absolute (`/queues/mail`) or names a sibling (`../mail`). The
   * message type is not checked.
   */
  refAt<C>(path: string): ActorRef<C>;
  /** Asks an actor to stop and returns at once. Watchers receive `terminated` when it has stopped. */
  stop(ref: ActorRef<never>): void;
  /** Stops this actor after the current message. */
  stopSelf(): void;
  /** Crashes this actor with `error`. It may also be called from a callback, outside `receive`. */
  fail(error: unknown): void;
  /**
   * Requests one `terminated` signal for when the other actor has stopped for good or is suspended, or at once if it
   * does not exist. A restart sends no signal.
   */
  watch(ref: ActorRef<never>): void;
  /** Cancels `watch`. */
  unwatch(ref: ActorRef<never>): void;
  /**
   * Sends `message` to this actor after `delayMs`. A key has one timer: setting it again replaces the old timer. A
   * replaced timer, or one of an earlier incarnation, never fires.
   */
  setTimer(key: string, delayMs: number, message: M): void;
  /** Cancels the timer of that key, if there is one. */
  cancelTimer(key: string): void;
  /**
   * Sends the outcome of a promise to this actor as a message, unless the incarnation is over by then. The message does
   * not count against the mailbox capacity.
   */
  pipeToSelf<T>(promise: Promise<T>, toMessage: (outcome: PromiseSettledResult<T>) => M): void;
  /**
   * Puts the current message aside. At most `mailboxCapacity` messages fit; any further one becomes a dead letter.
   * Throws if there is no current message.
   */
  stash(): void;
  /** Returns the stash to the front of the mailbox, oldest first. */
  unstashAll(): void;
  /** Sets the facts shown in the tree view. Keep them small and JSON-ready; each call replaces the previous facts. */
  describe(facts: Readonly<Record<string, string | number | boolean>>): void;
}
