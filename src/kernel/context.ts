/**
 * What a behavior may do during one incarnation.
 * Invariant: after the incarnation is over, a late callback can neither act for it nor give it children. `spawn` then
 * throws; the calls that concern the actor itself have no effect.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import { invariant } from '../domain/errors.ts';
import type { ActorContext, ActorDefinition, ActorRef, SupervisedChild, SupervisedOptions } from './actor.ts';
import type { Actor, Kernel, Incarnation, Owner } from './parts.ts';

const shutdown = { kind: 'shutdown' } as const;

/** Implements `ActorContext`, whose members are documented in `actor.ts`. */
export class IncarnationContext<M> implements ActorContext<M> {
  readonly #kernel: Kernel;
  readonly #incarnation: Incarnation<M>;
  #log: Logger | undefined;

  constructor(kernel: Kernel, incarnation: Incarnation<M>) {
    this.#kernel = kernel;
    this.#incarnation = incarnation;
  }

  get self(): ActorRef<M> {
    return this.#incarnation.actor;
  }
  get clock(): Clock {
    return this.#kernel.clock;
  }
  get random(): Random {
    return this.#kernel.random;
  }
  get log(): Logger {
    this.#log ??= this.#kernel.log.child({ actor: this.#incarnation.actor.path });
    return this.#log;
  }

  spawn<C>(name: string, definition: ActorDefinition<C>): ActorRef<C> {
    const actor = this.#addChild(name, definition, {
      shutdownMs: definition.shutdownMs,
      onIncarnation: undefined,
      budget: undefined,
    });
    actor.begin();
    return actor;
  }

  spawnSupervised<C>(name: string, definition: ActorDefinition<C>, options: SupervisedOptions<M>): SupervisedChild<C> {
    const incarnation = this.#incarnation;
    const actor = this.#addChild(name, definition, {
      shutdownMs: options.shutdownMs,
      onIncarnation: (event) => {
        if (isOver(incarnation)) return;
        incarnation.actor.enqueue({ kind: 'message', incarnation, message: () => options.toMessage(event) });
      },
      budget: options.budget,
    });
    return {
      ref: actor,
      start: () => {
        actor.begin();
      },
      end: () => {
        actor.end(shutdown);
      },
      close: (as, reason) => {
        actor.close(as, reason);
      },
      open: () => {
        actor.open();
      },
      remove: () => {
        actor.remove(shutdown);
      },
    };
  }

  #addChild<C>(name: string, definition: ActorDefinition<C>, owner: Omit<Owner, 'parent'>): Actor<C> {
    const incarnation = this.#incarnation;
    invariant(
      !isEnding(incarnation),
      `an actor that is stopping has no new children (${incarnation.actor.path}/${name})`,
    );
    invariant(/^[^/]+$/.test(name) && !name.startsWith('..'), `an actor's name has no slash (${name})`);
    invariant(
      !incarnation.children.has(name),
      `an actor's name is unique among siblings (${incarnation.actor.path}/${name})`,
    );
    const actor = this.#kernel.createActor(name, definition, { parent: incarnation, ...owner });
    incarnation.children.set(name, actor);
    return actor;
  }

  refAt<C>(path: string): ActorRef<C> {
    return this.#kernel.refAt<C>(path, this.#incarnation.actor.path);
  }

  stop(ref: ActorRef<never>): void {
    this.#kernel.actorOf(ref)?.end(shutdown);
  }

  stopSelf(): void {
    if (!isOver(this.#incarnation)) this.#incarnation.actor.end({ kind: 'normal' });
  }

  fail(error: unknown): void {
    if (!isOver(this.#incarnation)) this.#incarnation.actor.end({ kind: 'failed', error });
  }

  watch(ref: ActorRef<never>): void {
    const incarnation = this.#incarnation;
    const target = this.#kernel.actorOf(ref);
    if (isEnding(incarnation) || (target !== undefined && incarnation.watching.has(target))) return;
    if (target === undefined) {
      incarnation.actor.enqueue({ kind: 'nobody', incarnation, ref });
      return;
    }
    incarnation.watching.set(target, ref);
    target.addWatcher(incarnation);
  }

  unwatch(ref: ActorRef<never>): void {
    const target = this.#kernel.actorOf(ref);
    if (target === undefined) return;
    this.#incarnation.watching.delete(target);
    target.removeWatcher(this.#incarnation);
  }

  setTimer(key: string, delayMs: number, message: M): void {
    if (!isEnding(this.#incarnation)) this.#incarnation.timers.set(key, delayMs, message);
  }

  cancelTimer(key: string): void {
    this.#incarnation.timers.cancel(key);
  }

  pipeToSelf<T>(promise: Promise<T>, toMessage: (outcome: PromiseSettledResult<T>) => M): void {
    const incarnation = this.#incarnation;
    const settled = (outcome: PromiseSettledResult<T>): void => {
      if (!isEnding(incarnation))
        incarnation.actor.enqueue({ kind: 'message', incarnation, message: () => toMessage(outcome) });
    };
    promise.then(
      (value) => {
        settled({ status: 'fulfilled', value });
      },
      (reason: unknown) => {
        settled({ status: 'rejected', reason });
      },
    );
  }

  stash(): void {
    if (!isOver(this.#incarnation)) this.#incarnation.actor.stashCurrent();
  }

  unstashAll(): void {
    if (!isOver(this.#incarnation)) this.#incarnation.actor.unstashAll();
  }

  describe(facts: Readonly<Record<string, string | number | boolean>>): void {
    this.#incarnation.facts = facts;
  }
}

function isOver(incarnation: Incarnation<unknown>): boolean {
  return incarnation.stage === 'over';
}

function isEnding(incarnation: Incarnation<unknown>): boolean {
  return incarnation.endReason !== undefined || incarnation.stage === 'over';
}
