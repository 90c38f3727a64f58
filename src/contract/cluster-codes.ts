/**
 * The enum numbers of the cluster contract for the words used inside. A new word does not compile until it has a
 * number.
 */
import { ownValue } from '../domain/own-value.ts';

export const nodeStateCodes = { live: 1, draining: 2, silent: 3 } as const;
export const shardStateCodes = { owned: 1, opening: 2, unowned: 3, unknown: 4 } as const;
export const actorStateCodes = {
  starting: 1,
  running: 2,
  stopping: 3,
  waiting: 4,
  quarantined: 5,
  stopped: 6,
  draining: 7,
  silent: 8,
  suspended: 9,
} as const;

export type NodeStateWord = keyof typeof nodeStateCodes;
export type ShardStateWord = keyof typeof shardStateCodes;
export type ActorStateWord = keyof typeof actorStateCodes;

/** Returns `undefined` for a number that this version does not know. */
export function nodeStateOf(code: number): NodeStateWord | undefined {
  return wordOf(nodeStateCodes, code);
}

export function shardStateOf(code: number): ShardStateWord | undefined {
  return wordOf(shardStateCodes, code);
}

export function actorStateOf(code: number): ActorStateWord | undefined {
  return wordOf(actorStateCodes, code);
}

function wordOf<W extends string>(codes: Readonly<Record<W, number>>, code: number): W | undefined {
  for (const word in codes) if (ownValue(codes, word) === code) return word;
  return undefined;
}
