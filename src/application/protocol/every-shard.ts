/** Asks all shards of the cluster, a bounded number at a time. */
import { someAtOnce } from '../../domain/some-at-once.ts';

const askedAtOnce = 32;

/** Resolves when every shard has answered. Rejects with the first error of `ask`. */
export async function everyShard(shardCount: number, ask: (shard: number) => Promise<void>): Promise<void> {
  await someAtOnce(new Array(shardCount).keys(), askedAtOnce, ask);
}
