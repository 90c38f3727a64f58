/**
 * Texts of users as they are shown: what would move the text around it, or show nothing at all, becomes a sign that can
 * be seen. Right-to-left letters stay; marks that override the direction do not.
 */

/** Controls but the line feed and tab, marks of direction and other formats, halves of pairs, and what draws nothing. */
const hidden = /(?![\n\t])(?!\p{Variation_Selector})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

export interface TextPart {
  readonly text: string;
  /** It stands for a character that cannot be seen. */
  readonly isSign: boolean;
}

export function signOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  // Unicode has pictures of the first controls.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

export function visibleParts(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(hidden)) {
    if (match.index > from) parts.push({ text: text.slice(from, match.index), isSign: false });
    parts.push({ text: signOf(match[0]), isSign: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), isSign: false });
  return parts;
}

/** For titles and the like, which have no parts. */
export function visibleText(text: string): string {
  return text.replace(hidden, signOf);
}
