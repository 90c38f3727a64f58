/**
 * An address that outlives actors. It looks up its path for each message, so it stays valid when whole subtrees
 * restart.
 */
import type { ActorRef } from './actor.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Cell } from './parts.ts';

export class PathRef<M> implements ActorRef<M> {
  readonly path: string;
  readonly #root: Cell<unknown>;
  readonly #deadLetters: DeadLetters;

  constructor(path: string, root: Cell<unknown>, deadLetters: DeadLetters) {
    this.path = path;
    this.#root = root;
    this.#deadLetters = deadLetters;
  }

  /** `M` is unchecked: the tree does not know the types of its actors, so the caller of `refAt` is responsible. */
  cell(): Cell<M> | undefined {
    let cell: Cell<unknown> | undefined = this.#root;
    for (const name of this.path.slice(1).split('/')) cell = cell?.life?.children.get(name);
    return cell as Cell<M> | undefined;
  }

  tell(message: M): boolean {
    const cell = this.cell();
    if (cell !== undefined) return cell.tell(message);
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
