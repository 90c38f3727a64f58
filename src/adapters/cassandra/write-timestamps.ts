/**
 * Timestamps of plain writes that must lose against a later owner's. The epoch is in the high bits, followed by a
 * number that grows within the epoch. Whatever an owner of epoch 7 writes loses against every write of epoch 8, however
 * late it arrives.
 *
 * The number is the time in ms since this process first wrote under that epoch, and is never used twice. 36 bits hold
 * two years of ownership; the epoch may reach 2^27. Only one process ever owns an epoch, so no other process issues its
 * numbers.
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
  /** The newest epoch of each shard. */
  const current = new Map<number, EpochWrites>();
  return (shard, epoch) => {
    invariant(epoch >= 0 && epoch <= epochMax, 'an epoch fits 27 bits');
    let writes = current.get(shard);
    if (writes === undefined || writes.epoch < epoch) {
      writes = { epoch, sinceMs: clock.monotonicMs(), last: -1 };
      current.set(shard, writes);
    }
    // This process has taken a newer epoch since. A write under the old epoch must lose, even against the last write
    // under that epoch.
    if (writes.epoch > epoch) return BigInt(epoch) << epochShift;
    writes.last = Math.max(writes.last + 1, Math.floor(clock.monotonicMs() - writes.sinceMs));
    return (BigInt(epoch) << epochShift) + BigInt(writes.last);
  };
}
