/**
 * The message loop of an actor: it takes items in a fixed order and handles them one at a time.
 *
 * Invariants:
 * - An ending comes first, then the system queue, then the mailbox.
 * - A hook that returns a promise keeps the actor busy until the promise settles. A synchronous hook allocates no
 *   promise.
 */
import { invariant } from '../domain/errors.ts';
import type { ActorRef, Behavior, DeadLetterReason, Signal, StopReason } from './actor.ts';
import { Mailbox } from './mailbox.ts';
import type { Kernel, Incarnation, SystemItem } from './parts.ts';
import { RingBuffer } from './ring-buffer.ts';
import type { Runnable } from './scheduler.ts';

/** Marks that there is no current message. `undefined` cannot do so, because it is a valid message. */
const NONE = Symbol('no message');

/** The part of an actor that takes and handles items. The life cycle is in `KernelActor`. */
export abstract class MessageLoop<M> implements ActorRef<M>, Runnable {
  abstract readonly path: string;
  incarnation: Incarnation<M> | undefined;
  busyMs = 0;
  protected readonly kernel: Kernel;
  protected readonly mailbox: Mailbox<M>;
  protected handled = 0;
  /** If set, the actor accepts no messages. */
  protected closed: { readonly as: 'stopped' | 'suspended'; readonly reason: StopReason } | undefined;
  /** Needs no bound of its own, see `SystemItem`. */
  readonly #system = new RingBuffer<SystemItem<M>>(Number.MAX_SAFE_INTEGER);
  #inHand: M | typeof NONE = NONE;
  /** The current incarnation waits for a promise of one of its hooks. */
  #busy = false;
  /** The actor is in the scheduler's queue. */
  #scheduled = false;

  constructor(kernel: Kernel, mailboxCapacity: number) {
    this.kernel = kernel;
    this.mailbox = new Mailbox(mailboxCapacity);
  }

  protected abstract startIncarnation(incarnation: Incarnation<M>): void;
  /** Takes one step of the ending. Returns true if the next step can follow at once. */
  protected abstract endStep(incarnation: Incarnation<M>, reason: StopReason): boolean;
  /** Asks the current incarnation to end. */
  abstract end(reason: StopReason): void;

  tell(message: M): boolean {
    if (this.closed !== undefined) return this.refuse(this.closed.as, message);
    if (!this.mailbox.push(message)) return this.refuse('mailbox_full', message);
    if (!this.#scheduled) this.wake();
    return true;
  }

  protected refuse(reason: DeadLetterReason, message: M): boolean {
    this.kernel.deadLetters.record(this.path, reason, message);
    return false;
  }

  /** A ref serializes as its path, in logs and in JSON. */
  toJSON(): string {
    return this.path;
  }

  /** Adds a system item, unless it belongs to an incarnation that is over. */
  enqueue(item: SystemItem<M>): void {
    if (item.incarnation !== this.incarnation) return;
    this.#system.push(item);
    this.wake();
  }

  /** Schedules the actor, unless it is scheduled already or waits for a promise. */
  wake(): void {
    if (this.#scheduled || this.#busy || this.incarnation === undefined) return;
    this.#scheduled = true;
    this.kernel.scheduler.schedule(this);
  }

  run(batch: number): boolean {
    for (let n = 0; n < batch; n++) {
      if (!this.#step()) {
        this.#scheduled = false;
        return false;
      }
    }
    return true;
  }

  /** Handles one item. Returns false if there is nothing to do until another event arrives. */
  #step(): boolean {
    const incarnation = this.incarnation;
    if (incarnation === undefined || this.#busy) return false;
    if (incarnation.endReason !== undefined) return this.endStep(incarnation, incarnation.endReason);
    if (incarnation.stage === 'new') {
      this.startIncarnation(incarnation);
      return true;
    }
    const item = this.#system.shift();
    if (item !== undefined) {
      this.#handle(incarnation, item);
      return true;
    }
    if (this.mailbox.size === 0) return false;
    this.#receive(incarnation, this.mailbox.next());
    return true;
  }

  #receive(incarnation: Incarnation<M>, message: M): void {
    this.handled++;
    this.#inHand = message;
    try {
      const result = (incarnation.behavior as Behavior<M>).receive(message);
      if (result === undefined) this.#inHand = NONE;
      else this.awaitThen(incarnation, result, undefined);
    } catch (error) {
      this.#inHand = NONE;
      this.end({ kind: 'failed', error });
    }
  }

  #handle(incarnation: Incarnation<M>, item: SystemItem<M>): void {
    try {
      switch (item.kind) {
        case 'timer':
          if (incarnation.timers.take(item.timer)) this.#receive(incarnation, item.timer.message);
          return;
        case 'message':
          this.#receive(incarnation, item.message());
          return;
        case 'nobody':
          this.#signal(incarnation, { kind: 'terminated', ref: item.ref, reason: { kind: 'normal' } });
          return;
        case 'terminated': {
          const ref = incarnation.watching.get(item.actor);
          // no longer watched: `unwatch` came before the signal
          if (ref === undefined) return;
          incarnation.watching.delete(item.actor);
          this.#signal(incarnation, { kind: 'terminated', ref, reason: item.reason });
          return;
        }
      }
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
  }

  #signal(incarnation: Incarnation<M>, signal: Signal): void {
    const result = incarnation.behavior?.onSignal?.(signal);
    if (result !== undefined) this.awaitThen(incarnation, result, undefined);
  }

  /**
   * Keeps the actor from handling anything else until the promise settles. `done` runs then, also after a rejection.
   */
  protected awaitThen(incarnation: Incarnation<M>, promise: Promise<void>, done: (() => void) | undefined): void {
    this.#busy = true;
    const settled = (failure: StopReason | undefined): void => {
      if (this.incarnation !== incarnation) return; // abandoned in the meantime
      this.#busy = false;
      this.#inHand = NONE;
      if (failure !== undefined) this.end(failure);
      done?.();
      this.wake();
    };
    Promise.resolve(promise).then(
      () => {
        settled(undefined);
      },
      (error: unknown) => {
        settled({ kind: 'failed', error });
      },
    );
  }

  stashCurrent(): void {
    const message = this.#inHand;
    invariant(message !== NONE, `only a message in hand can be stashed (${this.path})`);
    this.#inHand = NONE;
    if (!this.mailbox.stash(message)) this.refuse('stash_full', message);
  }

  unstashAll(): void {
    this.mailbox.unstashAll();
    this.wake();
  }

  /**
   * Ends the incarnation. Pending system items belong to it and are dropped; stashed messages wait for the next
   * incarnation.
   */
  protected reset(): void {
    this.#system.clear();
    this.mailbox.unstashAll();
    this.#inHand = NONE;
    this.#busy = false;
    this.incarnation = undefined;
  }
}
