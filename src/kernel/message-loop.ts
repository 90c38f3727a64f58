/**
 * The message loop of an actor: what arrives, in which order it is handled, and that it is one thing at a time.
 *
 * Invariants: an ending goes before everything, then the system queue, then the mailbox. A hook that returns a promise
 * keeps the actor busy until it settles; a synchronous one costs no promise.
 */
import { invariant } from '../domain/errors.ts';
import type { ActorRef, Behavior, DeadLetterReason, Signal, StopReason } from './actor.ts';
import { Mailbox } from './mailbox.ts';
import type { Kernel, Life, SystemItem } from './parts.ts';
import { RingBuffer } from './ring-buffer.ts';
import type { Runnable } from './scheduler.ts';

/** Marks that no message is in hand: a message may be `undefined`. */
const NONE = Symbol('no message');

export abstract class MessageLoop<M> implements ActorRef<M>, Runnable {
  abstract readonly path: string;
  life: Life<M> | undefined;
  busyMs = 0;
  protected readonly kernel: Kernel;
  protected readonly mailbox: Mailbox<M>;
  protected handled = 0;
  /** Set: no message is taken. */
  protected closed: { readonly as: 'stopped' | 'quarantined'; readonly reason: StopReason } | undefined;
  /** Bounded by what the actor has started itself, see `SystemItem`. */
  readonly #system = new RingBuffer<SystemItem<M>>(Number.MAX_SAFE_INTEGER);
  #inHand: M | typeof NONE = NONE;
  /** Waits for a promise of the current life. */
  #busy = false;
  /** The scheduler knows of it. */
  #scheduled = false;

  constructor(kernel: Kernel, mailboxCapacity: number) {
    this.kernel = kernel;
    this.mailbox = new Mailbox(mailboxCapacity);
  }

  protected abstract startLife(life: Life<M>): void;
  /** One step of the ending; true when the next can follow at once. */
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

  /** A ref in a log or a message that is made JSON is its path. */
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

  /** False when there is nothing to do before something else happens. */
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
          // not watched any more: the news came too late
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

  /** The actor handles nothing else until the promise settles; `done` runs then, also after a failure. */
  protected awaitThen(life: Life<M>, promise: Promise<void>, done: (() => void) | undefined): void {
    this.#busy = true;
    const settled = (failure: StopReason | undefined): void => {
      if (this.life !== life) return; // abandoned meanwhile
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

  /** The life is over: what was meant for it is dropped, what it stashed waits for the next one. */
  protected reset(): void {
    this.#system.clear();
    this.mailbox.unstashAll();
    this.#inHand = NONE;
    this.#busy = false;
    this.life = undefined;
  }
}
