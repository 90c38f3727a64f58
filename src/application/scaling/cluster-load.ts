/**
 * What waits and runs in the whole cluster. All shards answer from memory. One answer serves all callers that ask while
 * it is made or while it is fresh. For a silent shard its last answer counts while it is not too old. A recovery takes
 * seconds, and a sum without that shard would be too small.
 */
import { ofCluster } from '../protocol/batch-queue.ts';
import { addLoad, type ClusterLoad, noLoad } from '../../domain/demand.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';

/** How long an answer is reused. */
export const loadMaxAgeMs = 1_000;
/** Time for all shards together. */
const loadPatienceMs = 1_000;
/** Age up to which the last answer of a silent shard counts. */
export const silentMaxMs = 30_000;
/** Shards that are asked in parallel. */
const askedAtOnce = 32;

export interface ClusterLoadReader {
  /** Rejects with SHARD_UNAVAILABLE if a shard has been silent for longer than `silentMaxMs`. */
  read(): Promise<ClusterLoad>;
}

export interface ClusterLoadParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly shardCount: number;
  readonly clock: Clock;
}

interface Heard {
  readonly load: ClusterLoad;
  readonly askedMs: number;
}

export function createClusterLoadReader({ batcher, shardCount, clock }: ClusterLoadParts): ClusterLoadReader {
  const heard = new Map<number, Heard>();
  let last: { readonly askedMs: number; readonly result: Promise<ClusterLoad>; made: boolean } | undefined;

  async function ask(shard: number, deadlineAtMs: number): Promise<void> {
    const askedMs = clock.monotonicMs();
    const load = await batcher.call(shard, 'load', {}, { ...ofCluster, deadlineAtMs }).catch(() => undefined);
    if (load !== undefined) heard.set(shard, { load, askedMs });
  }

  async function askAll(): Promise<ClusterLoad> {
    const deadlineAtMs = clock.nowMs() + loadPatienceMs;
    let next = 0;
    const askInTurn = async (): Promise<void> => {
      while (next < shardCount) {
        const shard = next;
        next += 1;
        await ask(shard, deadlineAtMs);
      }
    };
    await Promise.all(Array.from({ length: Math.min(askedAtOnce, shardCount) }, askInTurn));
    return sum();
  }

  function sum(): ClusterLoad {
    const nowMs = clock.monotonicMs();
    const known = [...heard.values()].filter(({ askedMs }) => nowMs - askedMs <= silentMaxMs);
    const silent = shardCount - known.length;
    if (silent > 0) {
      throw new TroupeError('SHARD_UNAVAILABLE', {
        message: `${silent} of ${shardCount} shards have not answered for ${silentMaxMs / 1_000} s`,
      });
    }
    return known.reduce((load, one) => addLoad(load, one.load), noLoad);
  }

  return {
    read() {
      const nowMs = clock.monotonicMs();
      if (last !== undefined && (!last.made || nowMs - last.askedMs < loadMaxAgeMs)) return last.result;
      const asking = { askedMs: nowMs, result: askAll().finally(() => (asking.made = true)), made: false };
      last = asking;
      return asking.result;
    },
  };
}
