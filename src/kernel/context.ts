/**
 * What a behavior may do during one incarnation.
 * Invariant: after the incarnation is over, a late callback can neither act for it nor give it children. `spawn` then
 * throws; the calls that concern the actor itself have no effect.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import { invariant } from '../domain/errors.ts';
import type { ActorContext, ActorDefinition, ActorRef, SupervisedChild, SupervisedOptions } from './actor.ts';
import type { Cell, Kernel, Life, Owner } from './parts.ts';

const shutdown = { kind: 'shutdown' } as const;

export class LifeContext<M> implements ActorContext<M> {
  readonly #kernel: Kernel;
  readonly #life: Life<M>;
  #log: Logger | undefined;

  constructor(kernel: Kernel, life: Life<M>) {
    this.#kernel = kernel;
    this.#life = life;
  }

  get self(): ActorRef<M> {
    return this.#life.cell;
  }
  get clock(): Clock {
    return this.#kernel.clock;
  }
  get random(): Random {
    return this.#kernel.random;
  }
  get log(): Logger {
    this.#log ??= this.#kernel.log.child({ actor: this.#life.cell.path });
    return this.#log;
  }

  spawn<C>(name: string, definition: ActorDefinition<C>): ActorRef<C> {
    const cell = this.#addChild(name, definition, {
      shutdownMs: definition.shutdownMs,
      onLife: undefined,
      budget: undefined,
    });
    cell.begin();
    return cell;
  }

  spawnSupervised<C>(name: string, definition: ActorDefinition<C>, options: SupervisedOptions<M>): SupervisedChild<C> {
    const life = this.#life;
    const cell = this.#addChild(name, definition, {
      shutdownMs: options.shutdownMs,
      onLife: (event) => {
        if (isOver(life)) return;
        life.cell.enqueue({ kind: 'message', life, message: () => options.toMessage(event) });
      },
      budget: options.budget,
    });
    return {
      ref: cell,
      start: () => {
        cell.begin();
      },
      end: () => {
        cell.end(shutdown);
      },
      close: (as, reason) => {
        cell.close(as, reason);
      },
      open: () => {
        cell.open();
      },
      remove: () => {
        cell.remove(shutdown);
      },
    };
  }

  #addChild<C>(name: string, definition: ActorDefinition<C>, owner: Omit<Owner, 'parent'>): Cell<C> {
    const life = this.#life;
    invariant(!isEnding(life), `an actor that is stopping has no new children (${life.cell.path}/${name})`);
    invariant(/^[^/]+$/.test(name) && !name.startsWith('..'), `an actor's name has no slash (${name})`);
    invariant(!life.children.has(name), `an actor's name is unique among siblings (${life.cell.path}/${name})`);
    const cell = this.#kernel.createCell(name, definition, { parent: life, ...owner });
    life.children.set(name, cell);
    return cell;
  }

  refAt<C>(path: string): ActorRef<C> {
    return this.#kernel.refAt<C>(path, this.#life.cell.path);
  }

  stop(ref: ActorRef<never>): void {
    this.#kernel.cellOf(ref)?.end(shutdown);
  }

  stopSelf(): void {
    if (!isOver(this.#life)) this.#life.cell.end({ kind: 'normal' });
  }

  fail(error: unknown): void {
    if (!isOver(this.#life)) this.#life.cell.end({ kind: 'failed', error });
  }

  watch(ref: ActorRef<never>): void {
    const life = this.#life;
    const target = this.#kernel.cellOf(ref);
    if (isEnding(life) || (target !== undefined && life.watching.has(target))) return;
    if (target === undefined) {
      life.cell.enqueue({ kind: 'nobody', life, ref });
      return;
    }
    life.watching.set(target, ref);
    target.addWatcher(life);
  }

  unwatch(ref: ActorRef<never>): void {
    const target = this.#kernel.cellOf(ref);
    if (target === undefined) return;
    this.#life.watching.delete(target);
    target.removeWatcher(this.#life);
  }

  setTimer(key: string, delayMs: number, message: M): void {
    if (!isEnding(this.#life)) this.#life.timers.set(key, delayMs, message);
  }

  cancelTimer(key: string): void {
    this.#life.timers.cancel(key);
  }

  pipeToSelf<T>(promise: Promise<T>, toMessage: (outcome: PromiseSettledResult<T>) => M): void {
    const life = this.#life;
    const settled = (outcome: PromiseSettledResult<T>): void => {
      if (!isEnding(life)) life.cell.enqueue({ kind: 'message', life, message: () => toMessage(outcome) });
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
    if (!isOver(this.#life)) this.#life.cell.stashCurrent();
  }

  unstashAll(): void {
    if (!isOver(this.#life)) this.#life.cell.unstashAll();
  }

  describe(facts: Readonly<Record<string, string | number | boolean>>): void {
    this.#life.facts = facts;
  }
}

function isOver(life: Life<unknown>): boolean {
  return life.stage === 'over';
}

function isEnding(life: Life<unknown>): boolean {
  return life.endReason !== undefined || life.stage === 'over';
}
