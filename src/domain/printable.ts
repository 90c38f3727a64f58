/**
 * Words of others on a terminal: failure texts, labels, log lines, names of files. An escape sequence in them would move the
 * cursor, change colours or the title, and some terminals obey worse; so control characters are shown, not sent.
 */

/** Control characters but for tab and line feed, and what changes the direction of text. */
const hidden = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;
/** What begins a new line somewhere. */
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

function shown(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** Keeps its lines. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(hidden, shown);
}

/** One line, whatever is in it: a cell of a table, a fact, a row. */
export function oneLine(text: string): string {
  return text.replaceAll(lineBreaks, ' ').replaceAll(hidden, shown);
}
