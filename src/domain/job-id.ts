/**
 * Job ids are valid UUIDv7 values: `48 bits ms
 * ver
 * 12 bits shard
 * var
 * 20 bits queue number
 * 42 bits unique`.
 * The id alone gives the shard, the creation minute (bucket) and the queue, so GetJob needs no index.
 *
 * Invariant: the ids that one generator makes for one queue are strictly increasing. The last ten bits count the ids
 * that a generator makes within one ms, so ids also order any two jobs of a shard by creation, see `jobRank`.
 */
export type JobId = string & { readonly __brand: 'JobId' };

/** What an id says about its job. */
export interface JobIdParts {
  readonly createdAtMs: number;
  readonly shard: number;
  readonly queueNo: number;
}

/** The number of shards that an id can distinguish. */
export const maxShards = 1 << 12;
/** The largest queue number that fits into an id. */
export const maxQueueNo = (1 << 20) - 1;
/** The length of a bucket: one minute. */
export const bucketMs = 60_000;
/** The latest creation time of an id. Stores count minutes in 31 bits, which lasts until the year 6053. */
export const idTimeMaxMs = 2 ** 31 * bucketMs - 1;

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const uniqueBits = 42n;
/** The largest value of the unique part. */
export const maxUnique = (1n << uniqueBits) - 1n;

export function isJobId(text: string): text is JobId {
  return pattern.test(text) && text.slice(0, timeChars) <= timeOf(idTimeMaxMs);
}

/** The length of the time part, including its hyphen. */
const timeChars = 13;
function timeOf(createdAtMs: number): string {
  return `${hexOf(Math.floor(createdAtMs / 2 ** 16), 4)}-${hexOf(createdAtMs % 2 ** 16, 2)}`;
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** The hex digits of the lowest bytes. It takes half the time of `toString(16)`. */
function hexOf(value: number, bytes: 2 | 3 | 4): string {
  let text = '';
  for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += hexOfByte[(value >>> shift) & 0xff] ?? '';
  return text;
}

const countBits = 10n;
/**
 * Ids that one generator makes within one ms. It matches the number of ranks per ms, so a rank reads as microseconds.
 */
export const idsPerMsMax = 1_000;

/**
 * A number that is higher for the later of two jobs of a shard. Old ids without a counter are ordered by their ms only.
 */
export function jobRank(id: JobId): number {
  const count = hexIn(id, 33, 36) & (2 ** Number(countBits) - 1);
  return jobIdParts(id).createdAtMs * idsPerMsMax + Math.min(count, idsPerMsMax - 1);
}

/** Returns `undefined` unless `text` is the canonical lower-case form of a job id with a possible time. */
export function parseJobId(text: string): JobId | undefined {
  return isJobId(text) ? text : undefined;
}

export function jobIdParts(id: JobId): JobIdParts {
  // 62 bits follow the variant: 20 for the queue number, then 42 unique. Group 4 holds the first 14 bits, group 5 the
  // next 6.
  const high14 = hexIn(id, 19, 23) & 0x3fff;
  return {
    createdAtMs: createdAtMsOf(id),
    shard: hexIn(id, 15, 18),
    queueNo: (high14 << 6) | (hexIn(id, 24, 26) >> 2),
  };
}

/** The unique part as a number: the last 42 bits. With `jobIdParts` it is all that the id says, see `jobIdOf`. */
export function uniquePartOf(id: JobId): number {
  return (hexIn(id, 24, 26) & 0b11) * 2 ** 40 + hexIn(id, 26, 36);
}

export function bucketOf(id: JobId): number {
  return Math.floor(createdAtMsOf(id) / bucketMs);
}

function createdAtMsOf(id: JobId): number {
  return hexIn(id, 0, 8) * 2 ** 16 + hexIn(id, 9, 13);
}

/** Reads digits in place. Ids are looked up often, and each slice would be a new string. */
function hexIn(id: JobId, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const code = id.charCodeAt(at);
    value = value * 16 + (code < letterA ? code - digit0 : code - letterA + 10);
  }
  return value;
}
const digit0 = 48;
const letterA = 97;

export function composeJobId(parts: JobIdParts, unique: bigint): JobId {
  return jobIdOf(parts, Number(unique & maxUnique));
}

/** The id with these parts. `unique`: a whole number of at most 42 bits, as `uniquePartOf` gives it. */
export function jobIdOf(parts: JobIdParts, unique: number): JobId {
  const shard = hexOf(0x7000 | parts.shard, 2);
  const group4 = hexOf(0x8000 | (parts.queueNo >> 6), 2);
  const high = ((parts.queueNo & 0x3f) << 18) | Math.floor(unique / 2 ** 24);
  return `${timeOf(parts.createdAtMs)}-${shard}-${group4}-${hexOf(high, 3)}${hexOf(unique % 2 ** 24, 3)}` as JobId;
}

/**
 * Makes the ids of one shard. The clock may stand still or step back: the time part never decreases. Within one ms the
 * unique part counts up from a random start whose counter is 0. When all ids of a ms are used up, the generator moves
 * on to the next ms.
 */
export function createJobIdGenerator(options: {
  readonly shard: number;
  readonly nowMs: () => number;
  readonly random: () => number;
}): (queueNo: number) => JobId {
  let lastMs = 0;
  let start = 0n;
  let made = idsPerMsMax;
  return (queueNo) => {
    const nowMs = Math.max(options.nowMs(), made === idsPerMsMax ? lastMs + 1 : lastMs);
    if (nowMs > lastMs) {
      lastMs = nowMs;
      start = BigInt(Math.floor(options.random() * 2 ** 32)) << countBits;
      made = 0;
    }
    const unique = start + BigInt(made);
    made += 1;
    return composeJobId({ createdAtMs: nowMs, shard: options.shard, queueNo }, unique);
  };
}
