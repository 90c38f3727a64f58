/**
 * JSON that every parser accepts. Many reject half a surrogate pair, even as an escape, so it is replaced by U+FFFD.
 */
export function wellFormedJson(value: unknown): string {
  const text = JSON.stringify(value);
  // `JSON.stringify` writes `\ud…` escapes for lone surrogates only.
  return text.includes('\\ud') ? JSON.stringify(value, repaired) : text;
}

function repaired(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
