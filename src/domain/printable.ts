/**
 * Makes text from others safe for a terminal: failure messages, labels, log lines, file names.
 * An escape sequence could move the cursor, change colours or the window title, or worse. Control characters are
 * therefore shown in escaped form.
 */

/** Control characters except tab and line feed, and characters that change the text direction. */
const hidden = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;
/** Everything that some terminal treats as a line break, and tabs, which would break columns. */
const lineBreaks = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

function shown(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

/** Escapes control characters and keeps the line breaks. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(hidden, shown);
}

/** Escapes control characters and joins all lines into one; for table cells and facts. */
export function oneLine(text: string): string {
  return text.replaceAll(lineBreaks, ' ').replaceAll(hidden, shown);
}
