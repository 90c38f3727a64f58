/** Actors as rows of a tree: parents before their children, and those in trouble to be found at once. */
import type { Actor } from '../wire/shapes.ts';

export interface ActorRow {
  readonly actor: Actor;
  readonly depth: number;
  /** The last part of its path. */
  readonly name: string;
}

export const rowsMax = 1_000;

export function isTroubled({
  restarts = 0,
  state,
  mailboxSize = 0,
  mailboxCapacity = 0,
  lastError = '',
}: Actor): boolean {
  const isDown = ['WAITING', 'QUARANTINED', 'SUSPENDED', 'SILENT'].some((word) => state === `ACTOR_STATE_${word}`);
  const isFilling = mailboxCapacity > 0 && mailboxSize > mailboxCapacity / 2;
  return isDown || isFilling || restarts > 0 || lastError !== '';
}

/** By node, as they were started. The search finds parts of paths, and keeps the rows above what it finds. */
export function actorRows(actors: readonly Actor[], search: string, onlyTroubled: boolean): readonly ActorRow[] {
  const word = search.toLowerCase();
  const isWanted = (actor: Actor): boolean =>
    (actor.path ?? '').toLowerCase().includes(word) && (!onlyTroubled || isTroubled(actor));
  const keyOf = (node: string, path: string): string => `${node} ${path}`;
  const kept = new Set<string>();
  for (const actor of actors) {
    if (!isWanted(actor)) continue;
    const { node = '', path = '/' } = actor;
    const parts = path.split('/').filter((part) => part !== '');
    kept.add(keyOf(node, '/'));
    for (let depth = 1; depth <= parts.length; depth += 1) kept.add(keyOf(node, `/${parts.slice(0, depth).join('/')}`));
  }
  return actors
    .filter(({ node = '', path = '/' }) => kept.has(keyOf(node, path)))
    .map((actor) => {
      const { path = '/', node = '' } = actor;
      const parts = path.split('/').filter((part) => part !== '');
      return { actor, depth: parts.length, name: parts.at(-1) ?? node };
    });
}
