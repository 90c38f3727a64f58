/** Escapes terraform's template syntax (`${`, `%{`), so that terraform takes the text literally. */
export function literal(text: string): string {
  return text.replaceAll(/[$%](?=\{)/g, (sign) => sign + sign);
}
