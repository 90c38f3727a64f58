/** How long a caller who was refused for a backlog is asked to stay away: until there should be room again. */
const leastMs = 100;
const mostMs = 60_000;
/** Nothing drains, or nobody has measured it. */
const unknownMs = 5_000;

export interface Backlog {
  /** So many must go before there is room. */
  readonly excess: number;
  readonly perSecond: number;
  /** Uniform in [0, 1): spreads callers over twice the time, so that they do not come back together. */
  readonly random: number;
}

/** 100 ms to 60 s. */
export function retryAfterMs({ excess, perSecond, random }: Backlog): number {
  const untilRoomMs = perSecond > 0 ? (1_000 * excess) / perSecond : unknownMs;
  return Math.round(Math.min(mostMs / 2, Math.max(leastMs, untilRoomMs)) * (1 + random));
}
