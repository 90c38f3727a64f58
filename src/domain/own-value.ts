/**
 * Reads a plain object as a map whose keys people choose (fairness keys, labels, names). Such maps come as plain
 * objects because they are JSON or contract messages.
 * A plain object also answers to names on `Object.prototype`, such as `constructor`, so these maps must be read here
 * and nowhere else. The lint rule `word-index` enforces that. Maps that code builds itself are `Map` objects.
 */
export function ownValue<Words extends object, Word extends string>(
  map: Words | null | undefined,
  word: Word,
): Words[Word & keyof Words] | undefined {
  // eslint-disable-next-line troupe/word-index -- the check that the map has the word comes first
  return map && Object.hasOwn(map, word) ? map[word as Word & keyof Words] : undefined;
}
