/** The actor system of a process: the root of the tree, the services that all actors share, and an orderly shutdown. */
import type { Clock, Logger, Random, Telemetry } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';
import type { ActorContext, ActorDefinition, ActorRef, DeadLetterReason, StopReason } from './actor.ts';
import { KernelActor } from './kernel-actor.ts';
import { IncarnationContext } from './context.ts';
import { createDeadLetters, type DeadLetter } from './dead-letters.ts';
import { createEventBus, type SystemListener } from './events.ts';
import type { Actor, Kernel, Incarnation } from './parts.ts';
import { PathRef, resolvePath } from './path-ref.ts';
import { createTurnScheduler, type Scheduler } from './scheduler.ts';
import type { TreeNode } from './tree.ts';
import { counters } from '../domain/measures.ts';

/** The services that an actor system needs. */
export interface ActorSystemOptions {
  /** The source of time; virtual in tests. */
  readonly clock: Clock;
  /** The source of randomness; seeded in tests. */
  readonly random: Random;
  /** Receives crashes, abandoned actors and everything that actors log. */
  readonly log: Logger;
  /** Receives the kernel's counters: dead letters, crashes, restarts and abandoned actors. */
  readonly telemetry: Telemetry;
  /** Default: `createTurnScheduler`, which shares the thread with the event loop. */
  readonly scheduler?: Scheduler;
}

/** A tree of actors that share a clock, a random source, a logger and a scheduler. */
export interface ActorSystem {
  /**
   * Starts an actor at the top of the tree. If it crashes, it stops; `whenStopped` and the events report it.
   * Throws SHUTTING_DOWN after `terminate`, and a plain `Error` if the name is taken or malformed.
   */
  spawn<M>(name: string, definition: ActorDefinition<M>): ActorRef<M>;
  /** Asks an actor and everything below it to stop, and returns at once. */
  stop(ref: ActorRef<never>): void;
  /** Like `ActorContext.refAt`, but only with absolute paths. */
  refAt<M>(path: string): ActorRef<M>;
  /**
   * Resolves with the reason when the actor has stopped for good. Resolves at once if it has stopped already or never
   * existed.
   */
  whenStopped(ref: ActorRef<never>): Promise<StopReason>;
  /**
   * Stops the actors at the top, newest first, each with its children. After `deadlineMs` the remaining ones are
   * abandoned. Never rejects.
   */
  terminate(deadlineMs: number): Promise<void>;
  /** A snapshot of all actors. Parents come before their children, siblings in the order of spawning. */
  tree(): TreeNode[];
  /** The last 256 dead letters, oldest first. */
  deadLetters(): readonly DeadLetter[];
  /** Dead letters since the start of the system, by reason. */
  deadLetterCounts(): Readonly<Record<DeadLetterReason, number>>;
  /** Calls `listener` for each event. Returns a function that ends the subscription. */
  subscribe(listener: SystemListener): () => void;
}

/** Creates an empty actor system. It starts no timer or thread until an actor has work. */
export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  const kernel = createKernel(options);
  const { root, context } = spawnRoot(kernel);
  kernel.setRoot(root);

  return {
    spawn(name, definition) {
      if (root.incarnation?.endReason !== undefined || root.incarnation === undefined)
        throw new TroupeError('SHUTTING_DOWN');
      return context.spawn(name, definition);
    },
    stop: (ref) => {
      context.stop(ref);
    },
    refAt: (path) => context.refAt(path),
    whenStopped: (ref) =>
      new Promise((resolve) => {
        const actor = kernel.actorOf(ref);
        if (actor === undefined) resolve({ kind: 'normal' });
        else actor.onClosed(resolve);
      }),
    terminate: (deadlineMs) =>
      new Promise((resolve) => {
        root.onClosed(() => {
          resolve();
        });
        root.remove({ kind: 'shutdown' }, deadlineMs);
      }),
    tree: () => (root.incarnation === undefined ? [] : nodesBelow(root.incarnation)),
    deadLetters: () => kernel.deadLetters.recent(),
    deadLetterCounts: () => kernel.deadLetters.counts(),
    subscribe: (listener) => kernel.events.subscribe(listener),
  };
}

type CountedByKind = (typeof counters)['actorCrashes' | 'actorRestarts' | 'actorsAbandoned'];

function createKernel(options: ActorSystemOptions): Kernel & { setRoot(root: Actor<unknown>): void } {
  const { clock, random, log, telemetry } = options;
  const events = createEventBus(log);
  const deadLetters = createDeadLetters(clock, telemetry, events);
  const byKind = (measure: CountedByKind, help: string) => telemetry.counter({ ...measure, help });
  let root: Actor<unknown> | undefined;

  const kernel: Kernel = {
    clock,
    random,
    log,
    scheduler: options.scheduler ?? createTurnScheduler(clock),
    deadLetters,
    events,
    crashes: byKind(counters.actorCrashes, 'Lives of actors that ended with an error, by kind of actor.'),
    restarts: byKind(counters.actorRestarts, 'Further incarnations begun by supervisors, by kind of actor.'),
    abandoned: byKind(counters.actorsAbandoned, 'Actors that did not stop in time, by kind of actor.'),
    createActor: (name, definition, owner) => new KernelActor(kernel, name, definition, owner),
    actorOf(ref) {
      if (ref instanceof KernelActor) return ref as Actor<unknown>;
      return ref instanceof PathRef ? (ref as PathRef<unknown>).actor() : undefined;
    },
    refAt<M>(path: string, basePath: string): ActorRef<M> {
      if (root === undefined) throw new TroupeError('INTERNAL_ERROR', { message: 'the actor system has no root yet' });
      return new PathRef<M>(resolvePath(path, basePath), root, deadLetters);
    },
  };
  return Object.assign(kernel, {
    setRoot(actor: Actor<unknown>) {
      root = actor;
    },
  });
}

const noOwner = { parent: undefined, shutdownMs: undefined, onIncarnation: undefined, budget: undefined };

/**
 * Creates the root. It has no behavior of its own; it exists so that the top of the tree follows the same rules as the
 * rest.
 */
function spawnRoot(kernel: Kernel): { root: Actor<unknown>; context: ActorContext<unknown> } {
  const definition: ActorDefinition<unknown> = {
    kind: 'root',
    mailboxCapacity: 1,
    start: () => ({ receive: () => undefined }),
  };
  const root = kernel.createActor('', definition, noOwner);
  root.begin();
  return { root, context: new IncarnationContext<unknown>(kernel, root.incarnation as Incarnation<unknown>) };
}

function nodesBelow(incarnation: Incarnation<unknown>): TreeNode[] {
  return [...incarnation.children.values()].flatMap((actor) => [
    actor.snapshot(),
    ...(actor.incarnation === undefined ? [] : nodesBelow(actor.incarnation)),
  ]);
}
