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
  const ms = createdAtMs.toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}`;
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
  const count = Number.parseInt(id.slice(-3), 16) & (2 ** Number(countBits) - 1);
  return jobIdParts(id).createdAtMs * idsPerMsMax + Math.min(count, idsPerMsMax - 1);
}

/** Returns `undefined` unless `text` is the canonical lower-case form of a job id with a possible time. */
export function parseJobId(text: string): JobId | undefined {
  return isJobId(text) ? text : undefined;
}

export function jobIdParts(id: JobId): JobIdParts {
  const createdAtMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  const shard = Number.parseInt(id.slice(15, 18), 16);
  // 62 bits follow the variant: 20 for the queue number, then 42 unique. Group 4 holds the first 14 bits, group 5 the
  // next 6.
  const high14 = Number.parseInt(id.slice(19, 23), 16) & 0x3fff;
  const next8 = Number.parseInt(id.slice(24, 26), 16);
  return { createdAtMs, shard, queueNo: (high14 << 6) | (next8 >> 2) };
}

export function bucketOf(id: JobId): number {
  return Math.floor(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) / bucketMs);
}

export function composeJobId(parts: JobIdParts, unique: bigint): JobId {
  const tail = (BigInt(parts.queueNo) << uniqueBits) | (unique & maxUnique);
  const shard = parts.shard.toString(16).padStart(3, '0');
  const rest = ((0b10n << 62n) | tail).toString(16).padStart(16, '0');
  return `${timeOf(parts.createdAtMs)}-7${shard}-${rest.slice(0, 4)}-${rest.slice(4)}` as JobId;
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
