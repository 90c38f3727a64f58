/** A lasting address: it finds the actor of its path anew for each message, so it survives restarts of whole subtrees. */
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

  /** The types of the tree are not known here: the caller of `refAt` vouches for `M`. */
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

/** `/a/b` stays, `../b` is a sibling of the actor at `basePath`. */
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
