/**
 * An address that outlives actors. It looks up its path for each message, so it stays valid when whole subtrees
 * restart.
 */
import type { ActorRef } from './actor.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Actor } from './parts.ts';

/** A ref that names a path and not an actor. */
export class PathRef<M> implements ActorRef<M> {
  readonly path: string;
  readonly #root: Actor<unknown>;
  readonly #deadLetters: DeadLetters;

  constructor(path: string, root: Actor<unknown>, deadLetters: DeadLetters) {
    this.path = path;
    this.#root = root;
    this.#deadLetters = deadLetters;
  }

  /** `M` is unchecked: the tree does not know the types of its actors, so the caller of `refAt` is responsible. */
  actor(): Actor<M> | undefined {
    let actor: Actor<unknown> | undefined = this.#root;
    for (const name of this.path.slice(1).split('/')) actor = actor?.incarnation?.children.get(name);
    return actor as Actor<M> | undefined;
  }

  /** Sends to the actor that is at the path now. Returns false, and records a dead letter, if there is none. */
  tell(message: M): boolean {
    const actor = this.actor();
    if (actor !== undefined) return actor.tell(message);
    this.#deadLetters.record(this.path, 'no_actor', message);
    return false;
  }
}

/** Resolves a path against the actor at `basePath`: `/a/b` stays as it is, and `../b` is a sibling of that actor. */
export function resolvePath(path: string, basePath: string): string {
  if (path.startsWith('/')) return path;
  const names = basePath.split('/');
  const steps = path.split('/');
  while (steps[0] === '..') {
    steps.shift();
    names.pop();
  }
  return [...names, ...steps].join('/');
}
