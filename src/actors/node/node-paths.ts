/** Paths in a node's actor tree, for code that looks at the tree from outside. */
export const shardManagerPath = '/node/shards';
export const runsPath = '/node/workers/runs';
export const queuesPath = '/node/workers/queues';

/**
 * A child of the queues' supervisor is named `<tenant>.<queue>`, followed by a suffix if the queue has several pullers.
 */
export function queueOfPath(path: string): { readonly tenant: string; readonly name: string } | undefined {
  if (!path.startsWith(`${queuesPath}/`)) return undefined;
  const [tenant, name] = path.slice(queuesPath.length + 1).split(/[.:/]/);
  return tenant === undefined || name === undefined ? undefined : { tenant, name };
}

export function shardOfPath(path: string): number | undefined {
  const [, number] = new RegExp(`^${shardManagerPath}/shard:(\\d+)$`).exec(path) ?? [];
  return number === undefined ? undefined : Number(number);
}
