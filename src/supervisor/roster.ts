/**
 * The children of a supervisor, in order of starting, and the next steps to bring what is into line with what is wanted.
 *
 * It looks at states, not at the events that led to them, so failures that overlap need no special cases: whoever is
 * marked ends (in reverse order where order binds), then whoever is wanted and down starts (in order where order binds).
 */
import type { ActorRef, SupervisedChild } from '../kernel/index.ts';
import type { RestartHistory } from './intensity.ts';
import type { ChildStatus, OrderReply } from './messages.ts';
import type { CompiledChildSpec } from './spec.ts';
import type { Strategy } from './strategy.ts';

export interface Child {
  readonly spec: CompiledChildSpec;
  readonly handle: SupervisedChild<never>;
  phase: 'down' | 'starting' | 'up' | 'ending';
  wanted: 'up' | 'retired' | 'quarantined' | 'gone';
  /** Its present life is to end: its own end no longer counts as a failure. */
  marked: boolean;
  /** Down until its backoff is over. */
  delayed: boolean;
  /** Restarts after its own failures; the budget of a child with quarantine, and how far its backoff has grown. */
  restarts: RestartHistory;
  stopReply: ActorRef<OrderReply> | undefined;
}

export class Roster {
  readonly #strategy: Strategy;
  readonly #children = new Map<string, Child>();
  /** The first start is in order under every strategy. */
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

  /** A sibling's failure takes it down; it comes back unless it is temporary. */
  takeDown(child: Child): void {
    if (child.spec.restart === 'temporary') child.wanted = 'gone';
    else if (child.wanted === 'retired') this.want(child);
    child.marked = child.phase !== 'down';
  }

  /** It is to be up (again): messages wait for it from now on. */
  want(child: Child): void {
    child.wanted = 'up';
    child.handle.open();
  }

  /** Takes every step that can be taken now; true once the first start is complete, as far as quarantines let it. */
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
      if (binding) return; // the one before it waits until this one has ended
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

  /** A quarantined child holds back those that are of no use without it. */
  #notHeldBack(): Child[] {
    const children = this.inOrder();
    const quarantined = children.findIndex((child) => child.wanted === 'quarantined');
    if (quarantined < 0 || this.#strategy === 'one-for-one') return children;
    return this.#strategy === 'one-for-all' ? [] : children.slice(0, quarantined);
  }

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
  return child.wanted === 'retired' || child.wanted === 'quarantined' ? child.wanted : 'waiting';
}
