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
import { IncarnationContext } from './context.ts';
import { MessageLoop } from './message-loop.ts';
import type { Actor, Kernel, Incarnation, Owner } from './parts.ts';
import { KeyedTimers } from './timers.ts';
import type { ActorState, TreeNode } from './tree.ts';

/** Length of the error text in the tree view. The log has the full error. */
const lastErrorMaxChars = 500;

/** Implements `Actor`, whose members are documented in `parts.ts`. */
export class KernelActor<M> extends MessageLoop<M> implements Actor<M> {
  readonly path: string;
  readonly name: string;
  readonly kind: string;
  readonly #definition: ActorDefinition<M>;
  readonly #owner: Owner;
  readonly #watchers = new Set<Incarnation<unknown>>();
  readonly #closedListeners: ((reason: StopReason) => void)[] = [];
  #incarnations = 0;
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
    this.path = owner.parent === undefined ? '' : `${owner.parent.actor.path}/${name}`;
  }

  begin(): void {
    invariant(this.incarnation === undefined && !this.#removing, `one incarnation at a time (${this.path})`);
    this.open();
    this.#incarnations++;
    if (this.#incarnations > 1) this.kernel.restarts.add(1, { kind: this.kind });
    this.incarnation = this.#newIncarnation();
    this.wake();
  }

  #newIncarnation(): Incarnation<M> {
    const incarnation: Incarnation<M> = {
      number: this.#incarnations,
      beganMs: this.kernel.clock.monotonicMs(),
      actor: this,
      timers: new KeyedTimers<M>(this.kernel.clock, {
        timerFired: (timer) => {
          this.enqueue({ kind: 'timer', incarnation, timer });
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
    return incarnation;
  }

  protected override startIncarnation(incarnation: Incarnation<M>): void {
    incarnation.stage = 'starting';
    const context: ActorContext<M> = new IncarnationContext<M>(this.kernel, incarnation);
    try {
      const started = this.#definition.start(context);
      if (started instanceof Promise) this.awaitThen(incarnation, this.#startLater(incarnation, started), undefined);
      else this.#started(incarnation, started);
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
  }

  async #startLater(incarnation: Incarnation<M>, started: Promise<Behavior<M>>): Promise<void> {
    const behavior = await started;
    if (this.incarnation === incarnation) this.#started(incarnation, behavior);
    // Abandoned during `start`: nobody will use the behavior, but the resources that it has acquired must be released.
    else await behavior.onStop?.(incarnation.endReason ?? { kind: 'shutdown' });
  }

  #started(incarnation: Incarnation<M>, behavior: Behavior<M>): void {
    incarnation.behavior = behavior;
    incarnation.stage = 'running';
    if (behavior.ready === undefined) {
      this.#isUp(incarnation);
      return;
    }
    behavior.ready.then(
      () => {
        this.#isUp(incarnation);
      },
      (error: unknown) => {
        if (this.incarnation === incarnation) this.end({ kind: 'failed', error });
      },
    );
  }

  #isUp(incarnation: Incarnation<M>): void {
    if (this.incarnation !== incarnation || incarnation.endReason !== undefined) return;
    incarnation.up = true;
    const type = incarnation.number === 1 ? 'started' : 'restarted';
    this.kernel.events.publish({ type, path: this.path, kind: this.kind, incarnation: incarnation.number });
    this.#owner.onIncarnation?.({ kind: 'up' });
  }

  override end(reason: StopReason, deadlineMs?: number): void {
    const incarnation = this.incarnation;
    if (incarnation === undefined) return;
    if (reason.kind === 'failed') this.#noteFailure(incarnation, reason.error);
    if (incarnation.endReason === undefined) {
      incarnation.endReason = reason;
      incarnation.timers.clear();
      this.#armDeadline(incarnation, deadlineMs ?? this.#owner.shutdownMs);
    } else {
      // A crash overrides a stop that the actor chose, but not a stop that was requested from outside.
      if (incarnation.endReason.kind === 'normal' && reason.kind === 'failed') incarnation.endReason = reason;
      if (deadlineMs !== undefined) this.#armDeadline(incarnation, deadlineMs);
    }
    this.wake();
  }

  #noteFailure(incarnation: Incarnation<M>, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#lastError = { text: text.slice(0, lastErrorMaxChars), atMs: this.kernel.clock.nowMs() };
    this.kernel.crashes.add(1, { kind: this.kind });
    this.kernel.log.error(
      { err: error, actor: this.path, kind: this.kind, incarnation: incarnation.number },
      'actor crashed',
    );
    this.kernel.events.publish({
      type: 'crashed',
      path: this.path,
      kind: this.kind,
      incarnation: incarnation.number,
      error,
    });
  }

  #armDeadline(incarnation: Incarnation<M>, deadlineMs: number | undefined): void {
    incarnation.cancelDeadline?.();
    if (deadlineMs === undefined) return;
    incarnation.cancelDeadline = this.kernel.clock.setTimer(deadlineMs, () => {
      if (this.incarnation === incarnation) this.abandon();
    });
  }

  protected override endStep(incarnation: Incarnation<M>, reason: StopReason): boolean {
    // Each call takes one step, because stopping a child may be asynchronous: `childRemoved` wakes this actor for the
    // next step.
    incarnation.toStop ??= [...incarnation.children.values()];
    const newest = incarnation.toStop.at(-1);
    if (newest !== undefined) {
      incarnation.stage = 'ending';
      newest.remove({ kind: 'shutdown' });
      if (incarnation.children.has(newest.name)) return false;
      incarnation.toStop.pop();
      return true;
    }
    incarnation.stage = 'finalizing';
    try {
      const stopped = incarnation.behavior?.onStop?.(reason);
      if (stopped !== undefined) {
        this.awaitThen(incarnation, stopped, () => {
          this.#complete(incarnation);
        });
        return false;
      }
    } catch (error) {
      this.end({ kind: 'failed', error });
    }
    this.#complete(incarnation);
    return false;
  }

  /** A child is gone for good: the next one can stop if this incarnation is ending. */
  childRemoved(child: Actor<unknown>): void {
    this.incarnation?.children.delete(child.name);
    this.wake();
  }

  abandon(): void {
    const incarnation = this.incarnation;
    if (incarnation === undefined) return;
    incarnation.endReason ??= { kind: 'shutdown' };
    for (const child of [...incarnation.children.values()].reverse()) {
      child.abandon();
      child.remove({ kind: 'shutdown' });
    }
    this.kernel.abandoned.add(1, { kind: this.kind });
    this.kernel.log.warn(
      { actor: this.path, kind: this.kind, incarnation: incarnation.number },
      'actor abandoned: it did not stop in time',
    );
    this.kernel.events.publish({ type: 'abandoned', path: this.path, kind: this.kind });
    this.#complete(incarnation);
  }

  #complete(incarnation: Incarnation<M>): void {
    const reason = incarnation.endReason ?? { kind: 'shutdown' };
    incarnation.stage = 'over';
    incarnation.cancelDeadline?.();
    for (const target of incarnation.watching.keys()) target.removeWatcher(incarnation);
    this.reset();
    if (this.#owner.onIncarnation !== undefined && !this.#removing)
      this.#owner.onIncarnation({ kind: 'ended', reason });
    else this.#closeForGood(reason);
  }

  // --- closing and removal -------------------------------------------------------------------------------------------

  close(as: 'stopped' | 'suspended', reason: StopReason): void {
    invariant(this.incarnation === undefined, `only an actor without a incarnation can be closed (${this.path})`);
    if (this.closed !== undefined) return;
    this.closed = { as, reason };
    while (this.mailbox.size > 0) this.refuse(as, this.mailbox.next());
    for (const incarnation of this.#watchers)
      incarnation.actor.enqueue({ kind: 'terminated', incarnation, actor: this, reason });
    this.#watchers.clear();
    this.kernel.events.publish({ type: as, path: this.path, kind: this.kind, reason });
  }

  open(): void {
    if (!this.#removed) this.closed = undefined;
  }

  remove(reason: StopReason, deadlineMs?: number): void {
    this.#removing = true;
    if (this.incarnation !== undefined) this.end(reason, deadlineMs);
    else this.#closeForGood(reason);
  }

  #closeForGood(reason: StopReason): void {
    if (this.#removed) return;
    this.#removed = true;
    this.close('stopped', reason);
    this.#owner.parent?.actor.childRemoved(this);
    for (const listener of this.#closedListeners) listener(reason);
  }

  onClosed(listener: (reason: StopReason) => void): void {
    if (this.#removed) listener(this.closed?.reason ?? { kind: 'normal' });
    else this.#closedListeners.push(listener);
  }

  addWatcher(incarnation: Incarnation<unknown>): void {
    if (this.closed === undefined) this.#watchers.add(incarnation);
    else incarnation.actor.enqueue({ kind: 'terminated', incarnation, actor: this, reason: this.closed.reason });
  }

  removeWatcher(incarnation: Incarnation<unknown>): void {
    this.#watchers.delete(incarnation);
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
      upMs: this.incarnation && this.kernel.clock.monotonicMs() - this.incarnation.beganMs,
      restarts: Math.max(0, this.#incarnations - 1),
      budget: this.#owner.budget?.(),
      lastError: this.#lastError?.text,
      lastErrorAtMs: this.#lastError?.atMs,
      facts: this.incarnation?.facts ?? {},
    };
  }

  #state(): ActorState {
    if (this.closed !== undefined) return this.closed.as;
    if (this.incarnation === undefined) return 'waiting';
    if (this.incarnation.endReason !== undefined) return 'stopping';
    return this.incarnation.up ? 'running' : 'starting';
  }
}
