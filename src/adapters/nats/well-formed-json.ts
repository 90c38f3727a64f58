/** JSON for readers of every kind: half a surrogate pair, which many of them refuse even as an escape, is U+FFFD. */
export function wellFormedJson(value: unknown): string {
  const text = JSON.stringify(value);
  // The only escapes of that kind that JSON.stringify writes.
  return text.includes('\\ud') ? JSON.stringify(value, repaired) : text;
}

function repaired(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
