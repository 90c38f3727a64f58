/**
 * Maps by words that people choose (fairness keys, labels, names) which come as plain objects, because they are JSON or a
 * message of the contract. A plain object also answers to the names of `Object.prototype`, so such a map is read here and
 * nowhere else (the lint rule `word-index` sees to it); a map that code builds itself is a `Map`.
 */
export function ownValue<Words extends object, Word extends string>(
  map: Words | null | undefined,
  word: Word,
): Words[Word & keyof Words] | undefined {
  // eslint-disable-next-line troupe/word-index -- here it is looked first whether the map has the word
  return map && Object.hasOwn(map, word) ? map[word as Word & keyof Words] : undefined;
}
