/** Asks all shards of the cluster, a bounded number at a time. */
const askedAtOnce = 32;

/** Resolves when every shard has answered. Rejects with the first error of `ask`. */
export async function everyShard(shardCount: number, ask: (shard: number) => Promise<void>): Promise<void> {
  let next = 0;
  const askInTurn = async (): Promise<void> => {
    while (next < shardCount) {
      const shard = next;
      next += 1;
      await ask(shard);
    }
  };
  await Promise.all(Array.from({ length: Math.min(askedAtOnce, shardCount) }, askInTurn));
}
