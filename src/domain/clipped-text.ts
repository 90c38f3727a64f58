/** Cuts text to a length without producing half a surrogate pair, which UTF-8 cannot encode. */

/** The first `maxChars` UTF-16 units, well-formed: an unpaired surrogate becomes U+FFFD. */
export function clipped(text: string, maxChars: number): string {
  return text.slice(0, cutAt(text, maxChars)).toWellFormed();
}

/** Where to cut so that no surrogate pair is split: at the index, or one unit before it. */
export function cutAt(text: string, index: number): number {
  const before = text.charCodeAt(index - 1);
  const after = text.charCodeAt(index);
  const isInPair = before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
  return isInPair ? index - 1 : index;
}
