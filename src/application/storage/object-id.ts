/**
 * The id of a payload that lies in an object store. It says all that a reader must know besides the bytes: when they
 * expire, how many they are, and their SHA-256. So an object needs no description beside it: it is there or it is not,
 * and the record of the job vouches for its content.
 *
 * An id is parsed before it becomes a place. What does not parse is no object, so no text that comes from elsewhere can
 * name a place outside the store.
 */
export interface ObjectId {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly expiresAtMs: number;
}

/** No id of a payload in a job store begins with it. */
const prefix = 'object';
const namePart = /^(?=.{1,80}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const namePartsMax = 4;
const digits = /^(0|[1-9]\d{0,15})$/;
/** The last year whose hours have a name. */
const latestMs = Date.UTC(10_000, 0) - 1;
const digest = /^[A-Za-z0-9_-]{43}$/;

export function isObjectId(id: string): boolean {
  return id.startsWith(`${prefix}:`);
}

export function objectIdText({ name, bytes, sha256, expiresAtMs }: ObjectId): string {
  return [prefix, expiresAtMs, bytes, Buffer.from(sha256).toString('base64url'), name].join(':');
}

/** Undefined if it is not the id of an object. */
export function parseObjectId(id: string): ObjectId | undefined {
  const [word, expires = '', size = '', sum = '', name = '', ...more] = id.split(':');
  if (word !== prefix || more.length > 0) return undefined;
  if (!digits.test(expires) || !digits.test(size) || !digest.test(sum) || !isObjectName(name)) return undefined;
  const [expiresAtMs, bytes] = [Number(expires), Number(size)];
  if (expiresAtMs > latestMs || !Number.isSafeInteger(bytes)) return undefined;
  return { name, bytes, sha256: Buffer.from(sum, 'base64url'), expiresAtMs };
}

/** A few parts with a slash between them, as in `JOB/12.1/output`. */
function isObjectName(name: string): boolean {
  const parts = name.split('/');
  return parts.length <= namePartsMax && parts.every((part) => namePart.test(part));
}

const hourMs = 3_600_000;

export interface ObjectPlace {
  readonly hour: string;
  readonly entry: string;
}

/**
 * Where an object lies: under the hour of its expiry, and within that by the millisecond. So what has expired comes first
 * in the order of names, and a sweep looks at nothing else.
 */
export function objectPlace({ name, expiresAtMs }: Pick<ObjectId, 'name' | 'expiresAtMs'>): ObjectPlace {
  if (!isObjectName(name)) throw new RangeError(`not the name of an object: ${JSON.stringify(name)}`);
  return {
    hour: hourOf(expiresAtMs),
    entry: `${String(expiresAtMs).padStart(15, '0')}.${name.replaceAll('/', '~')}`,
  };
}

/** As in `2026-11-29T22`. It sorts by time. */
export function hourOf(atMs: number): string {
  return new Date(Math.floor(atMs / hourMs) * hourMs).toISOString().slice(0, 13);
}

const hourName = /^\d{4}-\d\d-\d\dT\d\d$/;

export function isHour(name: string): boolean {
  return hourName.test(name);
}

/** Undefined if the entry is not of an object. */
export function entryExpiresAtMs(entry: string): number | undefined {
  const [digitsBefore = '', rest] = entry.split('.', 2);
  return /^\d{15}$/.test(digitsBefore) && rest !== undefined ? Number(digitsBefore) : undefined;
}
