/** How long a caller should wait after a refusal for a full backlog: until there should be room again. */
const leastMs = 100;
const mostMs = 60_000;
/** Used when nothing drains or the rate is unknown. */
const unknownMs = 5_000;

export interface Backlog {
  /** The number of jobs that must leave before there is room. */
  readonly excess: number;
  readonly perSecond: number;
  /** Uniform in [0, 1). It spreads callers over twice the time, so that they do not all return at once. */
  readonly random: number;
}

/** The delay in ms, from 100 ms to 60 s. */
export function retryAfterMs({ excess, perSecond, random }: Backlog): number {
  const untilRoomMs = perSecond > 0 ? (1_000 * excess) / perSecond : unknownMs;
  return Math.round(Math.min(mostMs / 2, Math.max(leastMs, untilRoomMs)) * (1 + random));
}
