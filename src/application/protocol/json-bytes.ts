/**
 * Upper bound of the bytes that `JSON.stringify(value)` takes in UTF-8, without building the text. It is never too low,
 * so a batch that is bounded by it always fits its message. It is exact for most strings; a surrogate pair counts 12
 * instead of 4, a control character counts 6, and numbers and booleans count their longest form.
 */
export function jsonBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return textBytes(value);
    case 'number':
      return 24;
    case 'boolean':
      return 5;
    case 'object':
      return value === null ? 4 : Array.isArray(value) ? arrayBytes(value) : objectBytes(value);
    case 'bigint':
    case 'function':
    case 'symbol':
    case 'undefined':
      return 4;
  }
}

/** Including the quotes. */
function textBytes(text: string): number {
  let bytes = text.length + 2;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22 || unit === 0x5c) bytes += 1;
    else if (unit < 0x20) bytes += 5;
    else if (unit >= 0x80) bytes += unit < 0x800 ? 1 : unit >= 0xd800 && unit <= 0xdfff ? 5 : 2;
  }
  return bytes;
}

function arrayBytes(values: readonly unknown[]): number {
  let bytes = 2;
  for (const value of values) bytes += jsonBytes(value) + 1;
  return bytes;
}

function objectBytes(value: object): number {
  let bytes = 2;
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) bytes += textBytes(key) + jsonBytes(member) + 2;
  }
  return bytes;
}
