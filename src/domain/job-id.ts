/**
 * Job ids: valid UUIDv7, `48 bits ms | ver | 12 bits shard | var | 20 bits queue number | 42 bits unique`.
 * The id alone therefore names the shard, the minute (bucket) and the queue, and GetJob needs no index.
 * Ids of one generator and one queue are strictly increasing. The last ten bits count the ids of a generator within a ms,
 * so that of any two jobs of a shard the id says which was made later: `jobRank`.
 */
export type JobId = string & { readonly __brand: 'JobId' };

/** What an id says about its job. */
export interface JobIdParts {
  readonly createdAtMs: number;
  readonly shard: number;
  readonly queueNo: number;
}

export const maxShards = 1 << 12;
export const maxQueueNo = (1 << 20) - 1;
export const bucketMs = 60_000;
/** The last instant of an id: stores count minutes in 31 bits, which lasts until the year 6053. */
export const idTimeMaxMs = 2 ** 31 * bucketMs - 1;

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const uniqueBits = 42n;
/** Largest unique part. */
export const maxUnique = (1n << uniqueBits) - 1n;

export function isJobId(text: string): text is JobId {
  return pattern.test(text) && text.slice(0, timeChars) <= timeOf(idTimeMaxMs);
}

/** The first characters of an id. */
const timeChars = 13;
function timeOf(createdAtMs: number): string {
  const ms = createdAtMs.toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}`;
}

const countBits = 10n;
/** Ids of a generator in one ms. As many ranks lie between two ms: ranks are µs to who wants to see a time in them. */
export const idsPerMsMax = 1_000;

/** Higher for the later job of a shard. Ids of before ids were counted say it by their ms alone. */
export function jobRank(id: JobId): number {
  const count = Number.parseInt(id.slice(-3), 16) & (2 ** Number(countBits) - 1);
  return jobIdParts(id).createdAtMs * idsPerMsMax + Math.min(count, idsPerMsMax - 1);
}

/** Undefined when `text` is not the canonical lower-case form of a job id, or of a time that no job can have. */
export function parseJobId(text: string): JobId | undefined {
  return isJobId(text) ? text : undefined;
}

export function jobIdParts(id: JobId): JobIdParts {
  const createdAtMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  const shard = Number.parseInt(id.slice(15, 18), 16);
  // 62 bits follow the variant: 20 of the queue number, then 42 unique. The first 14 lie in group 4, 6 more in group 5.
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
 * Makes the ids of one shard. The clock may stand still or step back: the ms part never decreases, and within one ms
 * the unique part counts up from a random start, whose count is 0; when all ids of the ms are made, the next one begins.
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
