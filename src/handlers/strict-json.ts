/** JSON that refuses what it would otherwise drop or flatten silently. */

/** `what` names the value in errors. Undefined for what is no JSON value at all; throws TypeError on what holds one. */
export function strictJson(value: unknown, what: string): string | undefined {
  const strictly = (key: string, member: unknown): unknown => {
    const lost = kindThatIsLost(member);
    if (lost !== undefined) throw new TypeError(`${key === '' ? what : `"${key}"`} is a ${lost}`);
    return member;
  };
  return JSON.stringify(value, strictly);
}

function kindThatIsLost(value: unknown): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol' || value instanceof Map || value instanceof Set) {
    return Object.prototype.toString.call(value).slice(8, -1);
  }
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? 'binary value inside an object' : undefined;
}
