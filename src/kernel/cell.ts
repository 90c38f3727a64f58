/**
 * The lasting part of an actor: its mailbox, and its incarnations one after the other.
 *
 * Invariants:
 * - At most one message, signal, start hook or stop hook is in progress, across incarnations too. The exception is an
 *   abandoned incarnation: its code may still run, but can no longer reach the system.
 * - An incarnation ends in this order: the current message completes, the children stop (newest first), `onStop` runs,
 *   then the owner and the watchers are notified.
 * - Waiting messages go to the next incarnation. If there is none, they become dead letters.
 */
import { invariant } from '../domain/errors.ts';
import type { ActorContext, ActorDefinition, Behavior, StopReason } from './actor.ts';
import { LifeContext } from './context.ts';
import { MessageLoop } from './message-loop.ts';
import type { Cell, Kernel, Life, Owner } from './parts.ts';
import { KeyedTimers } from './timers.ts';
import type { ActorState, TreeNode } from './tree.ts';

/** Length of the error text in the tree view. The log has the full error. */
const lastErrorMaxChars = 500;

export class ActorCell<M> extends MessageLoop<M> implements Cell<M> {
  readonly path: string;
  readonly name: string;
  readonly kind: string;
  readonly #definition: ActorDefinition<M>;
  readonly #owner: Owner;
  readonly #watchers = new Set<Life<unknown>>();
  readonly #closedListeners: ((reason: StopReason) => void)[] = [];
  #lives = 0;
  #lastError: { readonly text: string; readonly atMs: number } | undefined;
  #removing = false;
  #removed = false;

  constructor(kernel: Kernel, name: string, definition: ActorDefinition<M>, owner: Owner) {
    const capacity = definition.mailboxCapacity;
    invariant(Number.isSafeInteger(capacity) && capacity > 0, `a mailbox has a bound (${definition.kind} ${name})`);
    super(kernel, capacity);
    this.#definition = definition;
    this.#owner = owner;
    this.name = name;
    this.kind = definition.kind;
    this.path = owner.parent === undefined ? '' : `${owner.parent.cell.path}/${name}`;
  }

  begin(): void {
    invariant(this.life === undefined && !this.#removing, `one life at a time (${this.path})`);
    this.open();
    this.#lives++;
    if (this.#lives > 1) this.kernel.restarts.add(1, { kind: this.kind });
    this.life = this.#newLife();
    this.wake();
  }

  #newLife(): Life<M> {
    const life: Life<M> = {
      number: this.#lives,
      beganMs: this.kernel.clock.monotonicMs(),
      cell: this,
      timers: new KeyedTimers<M>(this.kernel.clock, {
        timerFired: (timer) => {
          this.enqueue({ kind: 'timer', life, timer });
        },
      }),
      children: new Map(),
      watching: new Map(),
      facts: {},
      behavior: undefined,
      stage: 'new',
      up: false,
      endReason: undefined,
      toStop: undefined,
      cancelDeadline: undefined,
    };
    return life;
  }

  protected override startLife(life: Life<M>): void {
    life.stage = 'starting';
    const context: ActorContext<M> = new LifeContext<M>(this.kernel, life);
    try {
      const started = this.#definition.start(context);
      if (started instanceof Promise) this.awaitThen(life, this.#startLater(life, started), undefined);
      else this.#started(life, started);
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
  }

  async #startLater(life: Life<M>, started: Promise<Behavior<M>>): Promise<void> {
    const behavior = await started;
    if (this.life === life) this.#started(life, behavior);
    // Abandoned during `start`: nobody will use the behavior, but the resources that it has acquired must be released.
    else await behavior.onStop?.(life.endReason ?? { kind: 'shutdown' });
  }

  #started(life: Life<M>, behavior: Behavior<M>): void {
    life.behavior = behavior;
    life.stage = 'running';
    if (behavior.ready === undefined) {
      this.#isUp(life);
      return;
    }
    behavior.ready.then(
      () => {
        this.#isUp(life);
      },
      (error: unknown) => {
        if (this.life === life) this.end({ kind: 'failed', error });
      },
    );
  }

  #isUp(life: Life<M>): void {
    if (this.life !== life || life.endReason !== undefined) return;
    life.up = true;
    const type = life.number === 1 ? 'started' : 'restarted';
    this.kernel.events.publish({ type, path: this.path, kind: this.kind, life: life.number });
    this.#owner.onLife?.({ kind: 'up' });
  }

  override end(reason: StopReason, deadlineMs?: number): void {
    const life = this.life;
    if (life === undefined) return;
    if (reason.kind === 'failed') this.#noteFailure(life, reason.error);
    if (life.endReason === undefined) {
      life.endReason = reason;
      life.timers.clear();
      this.#armDeadline(life, deadlineMs ?? this.#owner.shutdownMs);
    } else {
      // A crash overrides a stop that the actor chose, but not a stop that was requested from outside.
      if (life.endReason.kind === 'normal' && reason.kind === 'failed') life.endReason = reason;
      if (deadlineMs !== undefined) this.#armDeadline(life, deadlineMs);
    }
    this.wake();
  }

  #noteFailure(life: Life<M>, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#lastError = { text: text.slice(0, lastErrorMaxChars), atMs: this.kernel.clock.nowMs() };
    this.kernel.crashes.add(1, { kind: this.kind });
    this.kernel.log.error({ err: error, actor: this.path, kind: this.kind, life: life.number }, 'actor crashed');
    this.kernel.events.publish({ type: 'crashed', path: this.path, kind: this.kind, life: life.number, error });
  }

  #armDeadline(life: Life<M>, deadlineMs: number | undefined): void {
    life.cancelDeadline?.();
    if (deadlineMs === undefined) return;
    life.cancelDeadline = this.kernel.clock.setTimer(deadlineMs, () => {
      if (this.life === life) this.abandon();
    });
  }

  protected override endStep(life: Life<M>, reason: StopReason): boolean {
    // Each call takes one step, because stopping a child may be asynchronous: `childRemoved` wakes this actor for the
    // next step.
    life.toStop ??= [...life.children.values()];
    const newest = life.toStop.at(-1);
    if (newest !== undefined) {
      life.stage = 'ending';
      newest.remove({ kind: 'shutdown' });
      if (life.children.has(newest.name)) return false;
      life.toStop.pop();
      return true;
    }
    life.stage = 'finalizing';
    try {
      const stopped = life.behavior?.onStop?.(reason);
      if (stopped !== undefined) {
        this.awaitThen(life, stopped, () => {
          this.#complete(life);
        });
        return false;
      }
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
    this.#complete(life);
    return false;
  }

  /** A child is gone for good: the next one can stop if this incarnation is ending. */
  childRemoved(child: Cell<unknown>): void {
    this.life?.children.delete(child.name);
    this.wake();
  }

  abandon(): void {
    const life = this.life;
    if (life === undefined) return;
    life.endReason ??= { kind: 'shutdown' };
    for (const child of [...life.children.values()].reverse()) {
      child.abandon();
      child.remove({ kind: 'shutdown' });
    }
    this.kernel.abandoned.add(1, { kind: this.kind });
    this.kernel.log.warn(
      { actor: this.path, kind: this.kind, life: life.number },
      'actor abandoned: it did not stop in time',
    );
    this.kernel.events.publish({ type: 'abandoned', path: this.path, kind: this.kind });
    this.#complete(life);
  }

  #complete(life: Life<M>): void {
    const reason = life.endReason ?? { kind: 'shutdown' };
    life.stage = 'over';
    life.cancelDeadline?.();
    for (const target of life.watching.keys()) target.removeWatcher(life);
    this.reset();
    if (this.#owner.onLife !== undefined && !this.#removing) this.#owner.onLife({ kind: 'ended', reason });
    else this.#closeForGood(reason);
  }

  // --- closing and removal -------------------------------------------------------------------------------------------

  close(as: 'stopped' | 'quarantined', reason: StopReason): void {
    invariant(this.life === undefined, `only an actor without a life can be closed (${this.path})`);
    if (this.closed !== undefined) return;
    this.closed = { as, reason };
    while (this.mailbox.size > 0) this.refuse(as, this.mailbox.next());
    for (const life of this.#watchers) life.cell.enqueue({ kind: 'terminated', life, cell: this, reason });
    this.#watchers.clear();
    this.kernel.events.publish({ type: as, path: this.path, kind: this.kind, reason });
  }

  open(): void {
    if (!this.#removed) this.closed = undefined;
  }

  remove(reason: StopReason, deadlineMs?: number): void {
    this.#removing = true;
    if (this.life !== undefined) this.end(reason, deadlineMs);
    else this.#closeForGood(reason);
  }

  #closeForGood(reason: StopReason): void {
    if (this.#removed) return;
    this.#removed = true;
    this.close('stopped', reason);
    this.#owner.parent?.cell.childRemoved(this);
    for (const listener of this.#closedListeners) listener(reason);
  }

  onClosed(listener: (reason: StopReason) => void): void {
    if (this.#removed) listener(this.closed?.reason ?? { kind: 'normal' });
    else this.#closedListeners.push(listener);
  }

  addWatcher(life: Life<unknown>): void {
    if (this.closed === undefined) this.#watchers.add(life);
    else life.cell.enqueue({ kind: 'terminated', life, cell: this, reason: this.closed.reason });
  }

  removeWatcher(life: Life<unknown>): void {
    this.#watchers.delete(life);
  }

  snapshot(): TreeNode {
    return {
      path: this.path,
      kind: this.kind,
      state: this.#state(),
      mailboxSize: this.mailbox.size,
      mailboxCapacity: this.mailbox.capacity,
      stashed: this.mailbox.stashedSize,
      messagesHandled: this.handled,
      busyMs: this.busyMs,
      upMs: this.life && this.kernel.clock.monotonicMs() - this.life.beganMs,
      restarts: Math.max(0, this.#lives - 1),
      budget: this.#owner.budget?.(),
      lastError: this.#lastError?.text,
      lastErrorAtMs: this.#lastError?.atMs,
      facts: this.life?.facts ?? {},
    };
  }

  #state(): ActorState {
    if (this.closed !== undefined) return this.closed.as;
    if (this.life === undefined) return 'waiting';
    if (this.life.endReason !== undefined) return 'stopping';
    return this.life.up ? 'running' : 'starting';
  }
}
