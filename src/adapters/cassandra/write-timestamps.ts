/**
 * Timestamps for plain writes that a later owner must win: the epoch in the high bits, then a number that grows within
 * the epoch. Whatever an owner of epoch 7 writes, and however late it arrives, it loses against anything of epoch 8.
 *
 * The number is the time since this process first wrote under that epoch, in ms, and never the same twice. 36 bits hold
 * two years of ownership; the epoch may reach 2^27. Only one process ever owns an epoch, so there is no other source.
 */
import { invariant } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';

const epochShift = 36n;
const epochMax = 2 ** 27 - 1;

interface EpochWrites {
  readonly epoch: number;
  readonly sinceMs: number;
  last: number;
}

export type WriteTimestamps = (shard: number, epoch: number) => bigint;

export function createWriteTimestamps(clock: Clock): WriteTimestamps {
  /** The newest epoch per shard; at most one entry per shard. */
  const current = new Map<number, EpochWrites>();
  return (shard, epoch) => {
    invariant(epoch >= 0 && epoch <= epochMax, 'an epoch fits 27 bits');
    let writes = current.get(shard);
    if (writes === undefined || writes.epoch < epoch) {
      writes = { epoch, sinceMs: clock.monotonicMs(), last: -1 };
      current.set(shard, writes);
    }
    // An epoch that this process itself has left behind: it must lose anyway, also against its own last write.
    if (writes.epoch > epoch) return BigInt(epoch) << epochShift;
    writes.last = Math.max(writes.last + 1, Math.floor(clock.monotonicMs() - writes.sinceMs));
    return (BigInt(epoch) << epochShift) + BigInt(writes.last);
  };
}
