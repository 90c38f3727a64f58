/**
 * JSON that refuses what `JSON.stringify` would silently drop or change. Every value from a handler or a client goes
 * through it. The table in docs/guides/payloads.md shows what happens to each type.
 */

/** Deeper than any sensible document, and shallow enough not to overflow the stack of JSON readers. */
export const jsonDepthMax = 1_000;

/** The message names the place: `output.rows.3.at`. A handler that catches the error sees a TypeError, by name too. */
export class NotJsonError extends TypeError {
  readonly path: string;
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/**
 * Serializes a value; `root` is its name in errors. Returns `undefined` for `undefined`. Throws NotJsonError for
 * anything that JSON cannot express.
 */
export function strictJson(value: unknown, root: string): string | undefined {
  if (value === undefined) return undefined;
  const path = [root];
  try {
    check(value, path, new Set());
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof NotJsonError) throw error;
    // A getter or a `toJSON` of the value threw.
    throw new NotJsonError(path.join('.'), `reading it threw: ${error instanceof Error ? error.message : 'no error'}`);
  }
}

/** `path` leads to the value. `open` holds the objects that contain it, to detect cycles. */
function check(value: unknown, path: string[], open: Set<object>): void {
  const problem = typeof value === 'object' ? value !== null && problemOfObject(value) : problemOfPrimitive(value);
  if (typeof problem === 'string') throw new NotJsonError(path.join('.'), problem);
  if (typeof value !== 'object' || value === null || isDate(value)) return;
  if (open.has(value)) throw new NotJsonError(path.join('.'), 'it contains itself');
  if (open.size >= jsonDepthMax) throw new NotJsonError(root(path), `nested deeper than ${jsonDepthMax} levels`);
  open.add(value);
  if (hasToJson(value)) check(value.toJSON(path.at(-1) ?? ''), path, open);
  else if (Array.isArray(value)) checkItems(value, path, open);
  else checkMembers(value, path, open);
  open.delete(value);
}

function checkItems(items: readonly unknown[], path: string[], open: Set<object>): void {
  // By index, because `forEach` would skip the holes of a sparse array, and they are undefined too.
  for (let at = 0; at < items.length; at += 1) {
    path.push(String(at));
    if (items[at] === undefined)
      throw new NotJsonError(path.join('.'), 'undefined in an array, which would become null');
    check(items[at], path, open);
    path.pop();
  }
}

function checkMembers(value: object, path: string[], open: Set<object>): void {
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if (member === undefined) continue;
    path.push(name);
    check(member, path, open);
    path.pop();
  }
}

function problemOfPrimitive(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value} is no number of JSON`;
  if (typeof value === 'bigint') return 'a BigInt, which JSON cannot represent: convert it to a string or a number';
  const isCode = typeof value === 'function' || typeof value === 'symbol';
  return isCode ? `a ${typeof value}, which JSON cannot say` : undefined;
}

function problemOfObject(value: object): string | undefined {
  const kind = kindOf(value);
  if (ArrayBuffer.isView(value) || kind === 'ArrayBuffer' || kind === 'SharedArrayBuffer') return bytesInside;
  if (kind === 'Date') return Number.isNaN(Number(value)) ? 'an invalid Date' : undefined;
  if (kind === 'Number') return problemOfPrimitive(Number(value));
  if (kind === 'BigInt') return problemOfPrimitive(0n);
  if (hasToJson(value)) return undefined;
  if (kind === 'Promise' || isThenable(value)) return 'a Promise: await it first';
  if (lostKinds.has(kind) || isEmptyInstance(value)) return `${nameOf(value, kind)}: JSON cannot represent it`;
  return undefined;
}

const bytesInside = 'bytes inside of JSON: hand them over alone, or as base64';
const lostKinds: ReadonlySet<string> = new Set(['Error', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'RegExp']);

/** Uses the language's own tag and not `instanceof`, because the value may come from another realm. */
function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function isDate(value: object): boolean {
  return kindOf(value) === 'Date';
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

function isThenable(value: object): boolean {
  return 'then' in value && typeof value.then === 'function';
}

/**
 * True for an instance such as Headers, URLSearchParams or an iterator: it keeps its content where JSON does not look.
 */
function isEmptyInstance(value: object): boolean {
  if (Array.isArray(value) || Object.keys(value).length > 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

function nameOf(value: object, kind: string): string {
  const { constructor } = value;
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : kind;
}

function root(path: readonly string[]): string {
  return path[0] ?? '';
}
