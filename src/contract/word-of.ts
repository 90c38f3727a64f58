/** Reads the tables of codes.ts the other way round. */
import { ownValue } from '../domain/own-value.ts';

/** The word of a number. Returns `undefined` for a number that this version does not know. */
export function wordOf<W extends string>(codes: Readonly<Record<W, number>>, code: number): W | undefined {
  for (const word in codes) if (ownValue(codes, word) === code) return word;
  return undefined;
}
