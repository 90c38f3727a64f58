/**
 * Protects what JavaScript itself provides, as it was when the thread had loaded its handlers. A run that changes it (a
 * prototype, a global function) would change it for every later run of its thread, and for the thread's own protocol.
 * So we check it after each run, restore what was changed, and do not use the thread again. This protects against
 * accidents, not against attackers. A whole check takes 40 µs. After short runs we check only what the protocol itself
 * uses, except for one run in 64.
 *
 * The code here must not rely on anything that a handler can replace. So it keeps functions from the start, and its
 * loops use indices.
 */
import { MessagePort } from 'node:worker_threads';

const { ownKeys, getOwnPropertyDescriptor, defineProperty, deleteProperty, get, getPrototypeOf } = Reflect;

interface Kept {
  readonly name: string;
  /** All properties of the owner are kept, not only some. */
  readonly isWhole: boolean;
  readonly owner: object;
  readonly keys: readonly PropertyKey[];
  readonly values: readonly unknown[];
  readonly descriptors: readonly PropertyDescriptor[];
}

const globalNames = [
  ...['Object', 'Function', 'Array', 'Promise', 'Map', 'Set', 'WeakMap', 'Symbol', 'String', 'Number', 'Boolean'],
  ...['RegExp', 'Date', 'ArrayBuffer', 'SharedArrayBuffer', 'Uint8Array', 'Int32Array', 'DataView', 'Buffer'],
  ...['AbortController', 'AbortSignal', 'EventTarget', 'JSON', 'Math', 'Reflect', 'Atomics', 'performance', 'process'],
  ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
  ...['queueMicrotask', 'structuredClone', 'console'],
] as const;

/** We also watch the `prototype` and the own functions of these. */
const classNames: ReadonlySet<string> = new Set([
  ...['Object', 'Function', 'Array', 'Promise', 'Map', 'Set', 'WeakMap', 'String', 'Number', 'RegExp', 'Date'],
  ...['ArrayBuffer', 'Uint8Array', 'Int32Array', 'Symbol', 'EventTarget', 'AbortSignal'],
]);
const namespaceNames: ReadonlySet<string> = new Set(['JSON', 'Math', 'Reflect', 'Atomics', 'console']);

const printers = ['log', 'info', 'warn', 'error'] as const;
const wholeAfterMs = 5;
const wholeEveryRuns = 64;

const own = globalThis;
const { Array: arrays, Atomics: atomics, JSON: json, Promise: promises, performance: clock } = own;
const { clearInterval: stopInterval, clearTimeout: stopTimeout, setInterval: every, setTimeout: after } = own;
const { add, load, store } = atomics;
const { parse, stringify } = json;
const { prototype: promise } = promises;
const { prototype: array } = arrays;
const { prototype: port } = MessagePort;
// eslint-disable-next-line @typescript-eslint/unbound-method -- only compared, never called
const [then, concat, push, postMessage] = [promise.then, array.concat, array.push, port.postMessage];

/** Uses fixed names, so that it costs almost nothing. */
function quickLook(): boolean {
  for (const _ in {}) return false;
  return (
    promise.then === then &&
    promise.constructor === promises &&
    array.concat === concat &&
    array.push === push &&
    atomics.add === add &&
    atomics.load === load &&
    atomics.store === store &&
    json.parse === parse &&
    json.stringify === stringify &&
    port.postMessage === postMessage &&
    own.Promise === promises &&
    own.performance === clock &&
    own.setTimeout === after &&
    own.clearTimeout === stopTimeout &&
    own.setInterval === every &&
    own.clearInterval === stopInterval
  );
}

export class IntrinsicsGuard {
  readonly #kept: readonly Kept[];
  /** What a run prints passes through these. If they stayed changed, they would take the lines of later runs. */
  readonly #printing: readonly Kept[];
  #runs = 0;

  constructor() {
    const kept: Kept[] = [
      keep('globalThis', globalThis, globalNames),
      keep('MessagePort.prototype', MessagePort.prototype),
    ];
    this.#printing = [
      keep('console', console, printers),
      keep('process.stdout', process.stdout, ['write']),
      keep('process.stderr', process.stderr, ['write']),
    ];
    kept.push(...this.#printing);
    for (const name of globalNames) {
      const value: unknown = Reflect.get(globalThis, name);
      if (namespaceNames.has(name)) kept.push(keep(name, objectOf(value)));
      if (typeof value !== 'function' || !classNames.has(name)) continue;
      kept.push(keep(name, value), keep(`${name}.prototype`, objectOf(value.prototype)));
    }
    const arrayIterator = objectOf(getPrototypeOf([][Symbol.iterator]()));
    kept.push(
      keep('ArrayIterator.prototype', arrayIterator),
      keep('TypedArray.prototype', objectOf(getPrototypeOf(Uint8Array.prototype))),
    );
    this.#kept = kept;
  }

  /** Call this before anything looks at what the handler returned. */
  whenReturned(): string | undefined {
    return this.#quickLook() ? undefined : this.#restore();
  }

  /**
   * Call this after a run. Returns the first thing that was found changed. Everything is restored as far as it can be.
   */
  afterRun(durationMs: number): string | undefined {
    this.#runs += 1;
    const short = durationMs < wholeAfterMs && this.#runs % wholeEveryRuns !== 0;
    return short && this.#quickLook() ? undefined : this.#restore();
  }

  #quickLook(): boolean {
    for (let at = 0; at < this.#printing.length; at += 1) {
      const kept = this.#printing[at];
      if (kept !== undefined && !isAsKept(kept)) return false;
    }
    return quickLook();
  }

  #restore(): string | undefined {
    let found: string | undefined;
    for (let at = 0; at < this.#kept.length; at += 1) {
      const kept = this.#kept[at];
      if (kept === undefined || isAsKept(kept)) continue;
      found ??= kept.name;
      putBack(kept);
    }
    return found;
  }
}

function objectOf(value: unknown): object {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return value;
  throw new Error('invariant broken: every watched global is an object');
}

function keep(name: string, owner: object, only?: readonly string[]): Kept {
  const keys = only ?? ownKeys(owner);
  const descriptors = keys.map((key) => getOwnPropertyDescriptor(owner, key) ?? {});
  // Some globals are created when they are first read. Getters on a prototype are not meant to be called on the
  // prototype itself.
  const values = keys.map((key, at) =>
    only === undefined ? (descriptors[at]?.value as unknown) : (get(owner, key) as unknown),
  );
  return { name, isWhole: only === undefined, owner, keys, descriptors, values };
}

function isAsKept({ isWhole, owner, keys, values }: Kept): boolean {
  if (isWhole && ownKeys(owner).length !== keys.length) return false;
  for (let at = 0; at < keys.length; at += 1) {
    const value = values[at];
    const key = keys[at];
    if (value === undefined || key === undefined || value !== value) continue;
    if (get(owner, key) !== value) return false;
  }
  return true;
}

function putBack({ isWhole, owner, keys, descriptors }: Kept): void {
  if (isWhole) {
    const present = ownKeys(owner);
    for (let at = 0; at < present.length; at += 1) {
      const key = present[at];
      let known = false;
      for (let index = 0; index < keys.length && !known; index += 1) known = keys[index] === key;
      if (!known && key !== undefined) deleteProperty(owner, key);
    }
  }
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at];
    const descriptor = descriptors[at];
    if (key !== undefined && descriptor !== undefined) defineProperty(owner, key, descriptor);
  }
}
