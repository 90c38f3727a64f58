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
import type { Kernel, Life, SystemItem } from './parts.ts';
import { RingBuffer } from './ring-buffer.ts';
import type { Runnable } from './scheduler.ts';

/** Marks that there is no current message. `undefined` cannot do so, because it is a valid message. */
const NONE = Symbol('no message');

export abstract class MessageLoop<M> implements ActorRef<M>, Runnable {
  abstract readonly path: string;
  life: Life<M> | undefined;
  busyMs = 0;
  protected readonly kernel: Kernel;
  protected readonly mailbox: Mailbox<M>;
  protected handled = 0;
  /** If set, the actor accepts no messages. */
  protected closed: { readonly as: 'stopped' | 'quarantined'; readonly reason: StopReason } | undefined;
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

  protected abstract startLife(life: Life<M>): void;
  /** Takes one step of the ending. Returns true if the next step can follow at once. */
  protected abstract endStep(life: Life<M>, reason: StopReason): boolean;
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

  enqueue(item: SystemItem<M>): void {
    if (item.life !== this.life) return;
    this.#system.push(item);
    this.wake();
  }

  wake(): void {
    if (this.#scheduled || this.#busy || this.life === undefined) return;
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
    const life = this.life;
    if (life === undefined || this.#busy) return false;
    if (life.endReason !== undefined) return this.endStep(life, life.endReason);
    if (life.stage === 'new') {
      this.startLife(life);
      return true;
    }
    const item = this.#system.shift();
    if (item !== undefined) {
      this.#handle(life, item);
      return true;
    }
    if (this.mailbox.size === 0) return false;
    this.#receive(life, this.mailbox.next());
    return true;
  }

  #receive(life: Life<M>, message: M): void {
    this.handled++;
    this.#inHand = message;
    try {
      const result = (life.behavior as Behavior<M>).receive(message);
      if (result === undefined) this.#inHand = NONE;
      else this.awaitThen(life, result, undefined);
    } catch (error) {
      this.#inHand = NONE;
      this.end({ kind: 'failed', error });
    }
  }

  #handle(life: Life<M>, item: SystemItem<M>): void {
    try {
      switch (item.kind) {
        case 'timer':
          if (life.timers.take(item.timer)) this.#receive(life, item.timer.message);
          return;
        case 'message':
          this.#receive(life, item.message());
          return;
        case 'nobody':
          this.#signal(life, { kind: 'terminated', ref: item.ref, reason: { kind: 'normal' } });
          return;
        case 'terminated': {
          const ref = life.watching.get(item.cell);
          // no longer watched: `unwatch` came before the signal
          if (ref === undefined) return;
          life.watching.delete(item.cell);
          this.#signal(life, { kind: 'terminated', ref, reason: item.reason });
          return;
        }
      }
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
  }

  #signal(life: Life<M>, signal: Signal): void {
    const result = life.behavior?.onSignal?.(signal);
    if (result !== undefined) this.awaitThen(life, result, undefined);
  }

  /**
   * Keeps the actor from handling anything else until the promise settles. `done` runs then, also after a rejection.
   */
  protected awaitThen(life: Life<M>, promise: Promise<void>, done: (() => void) | undefined): void {
    this.#busy = true;
    const settled = (failure: StopReason | undefined): void => {
      if (this.life !== life) return; // abandoned in the meantime
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
    this.life = undefined;
  }
}
