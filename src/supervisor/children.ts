/**
 * The children of a supervisor in the order of starting, and the steps that bring their actual state to the wanted
 * state.
 *
 * `reconcile` looks at states, not at the events that led to them, so overlapping failures need no special cases.
 * Children marked for ending end first, in reverse order. Then children that should be up but are down start, in order.
 * Under `one-for-one` the order binds only for the first start.
 */
import type { ActorRef, SupervisedChild } from '../kernel/index.ts';
import type { RestartHistory } from './intensity.ts';
import type { ChildStatus, OrderReply } from './messages.ts';
import type { CompiledChildSpec } from './spec.ts';
import type { Strategy } from './strategy.ts';

/** A child and the state that its supervisor keeps of it. */
export interface Child {
  readonly spec: CompiledChildSpec;
  readonly handle: SupervisedChild<never>;
  /** The actual state. */
  phase: 'down' | 'starting' | 'up' | 'ending';
  /** The state to reach. `gone` removes the child and its spec. */
  wanted: 'up' | 'retired' | 'suspended' | 'gone';
  /** The current incarnation must end. Its end was requested, so it does not count as a failure. */
  marked: boolean;
  /** The child waits for its backoff and must not start. */
  delayed: boolean;
  /**
   * Restarts after the child's own failures. They determine its backoff and, for a child with `suspend`, its restart
   * budget.
   */
  restarts: RestartHistory;
  /** Receives the answer to `stopChild` when the child is gone. */
  stopReply: ActorRef<OrderReply> | undefined;
}

/** The children of one supervisor. */
export class Children {
  readonly #strategy: Strategy;
  readonly #children = new Map<string, Child>();
  /** The first start has completed. Until then the order binds under every strategy. */
  #booted = false;

  constructor(strategy: Strategy) {
    this.#strategy = strategy;
  }

  get size(): number {
    return this.#children.size;
  }

  get(name: string): Child | undefined {
    return this.#children.get(name);
  }

  inOrder(): Child[] {
    return [...this.#children.values()];
  }

  /** Adds a child that is to be started. */
  add(spec: CompiledChildSpec, handle: SupervisedChild<never>): void {
    this.#children.set(spec.name, {
      spec,
      handle,
      phase: 'down',
      wanted: 'up',
      marked: false,
      delayed: false,
      restarts: [],
      stopReply: undefined,
    });
  }

  /** Takes a child down because a sibling failed. It starts again later, unless it is temporary. */
  takeDown(child: Child): void {
    if (child.spec.restart === 'temporary') child.wanted = 'gone';
    else if (child.wanted === 'retired') this.want(child);
    child.marked = child.phase !== 'down';
  }

  /** Wants a child up. From now on messages wait for it instead of becoming dead letters. */
  want(child: Child): void {
    child.wanted = 'up';
    child.handle.open();
  }

  /**
   * Takes every step that is possible now. Returns true once the first start is complete; suspended children, and those
   * they hold back, do not delay it.
   */
  reconcile(): boolean {
    this.#endMarked();
    this.#removeGone();
    this.#startWanted();
    this.#booted ||= this.#isAtRest();
    return this.#booted;
  }

  #isAtRest(): boolean {
    const isEnding = this.inOrder().some((child) => child.marked);
    return !isEnding && this.#notHeldBack().every((child) => !isAwaited(child));
  }

  #endMarked(): void {
    const marked = this.inOrder().filter((child) => child.marked);
    const binding = this.#strategy !== 'one-for-one';
    for (const child of marked.reverse()) {
      if (child.phase !== 'ending') {
        child.phase = 'ending';
        child.handle.end();
      }
      if (binding) return; // the child before it ends only after this one has ended
    }
  }

  #removeGone(): void {
    for (const child of this.#children.values()) {
      if (child.wanted !== 'gone' || child.phase !== 'down') continue;
      child.handle.remove();
      this.#children.delete(child.spec.name);
      child.stopReply?.tell({ ok: true });
    }
  }

  #startWanted(): void {
    const binding = this.#strategy !== 'one-for-one';
    if (binding && this.inOrder().some((child) => child.marked)) return;
    const children = this.#notHeldBack();
    for (const child of children) {
      if (child.wanted === 'up' && child.phase === 'down' && !child.delayed) {
        child.phase = 'starting';
        child.handle.start();
      }
      if ((binding || !this.#booted) && isAwaited(child)) return;
    }
  }

  /** A suspended child holds back the siblings that depend on it under the strategy. */
  #notHeldBack(): Child[] {
    const children = this.inOrder();
    const suspended = children.findIndex((child) => child.wanted === 'suspended');
    if (suspended < 0 || this.#strategy === 'one-for-one') return children;
    return this.#strategy === 'one-for-all' ? [] : children.slice(0, suspended);
  }

  /** The status to report for a child. */
  statusOf(child: Child): ChildStatus {
    return {
      name: child.spec.name,
      ref: child.handle.ref,
      state: stateOf(child),
      recentRestarts: child.restarts.length,
    };
  }
}

function isAwaited(child: Child): boolean {
  return child.wanted === 'up' && child.phase !== 'up';
}

function stateOf(child: Child): ChildStatus['state'] {
  if (child.phase !== 'down') return child.phase;
  return child.wanted === 'retired' || child.wanted === 'suspended' ? child.wanted : 'waiting';
}
