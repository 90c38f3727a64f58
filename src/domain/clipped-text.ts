/** Text cut to a length. A cut through a surrogate pair, or half of one that came so, has no form in UTF-8. */

/** At most so many UTF-16 units of it, well-formed: what is half of a pair is U+FFFD. */
export function clipped(text: string, maxChars: number): string {
  return text.slice(0, cutAt(text, maxChars)).toWellFormed();
}

/** Where to cut so that no pair is cut in two: at the index, or one before. */
export function cutAt(text: string, index: number): number {
  const before = text.charCodeAt(index - 1);
  const after = text.charCodeAt(index);
  const isInPair = before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
  return isInPair ? index - 1 : index;
}
