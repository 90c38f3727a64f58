/** Nodes, slots and shards in numbers. The nodes are asked at most once a second, whoever looks. */
import { nodeStateCodes, shardStateCodes } from '../../contract/codes.ts';
import type * as wire from '../../contract/messages.ts';
import type { SeeCluster } from '../cluster/see-cluster.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { Clock } from '../ports/runtime.ts';
import { SharedAnswers } from './shared-answers.ts';

export interface ClusterFacts {
  /** By state and version. */
  readonly nodes: readonly { readonly state: number; readonly version: string; readonly nodes: number }[];
  /** Threads of workers that answer and are not draining. */
  readonly slots: { readonly total: number; readonly used: number; readonly free: number };
  readonly silentNodes: readonly string[];
  /** Numbers of shards without an owner, or of which nobody says that he owns them. */
  readonly unowned: readonly number[];
}

export type ReadClusterFacts = (context: CallContext) => Promise<ClusterFacts>;

const maxAgeMs = 1_000;
/** Rows of versions that are told of. */
const versionsMax = 50;

export function createClusterFacts(parts: {
  readonly see: Pick<SeeCluster, 'nodes' | 'shards'>;
  readonly clock: Clock;
}): ReadClusterFacts {
  const shared = new SharedAnswers<ClusterFacts>(parts.clock, maxAgeMs);
  // The deadline of a caller must not cut short an answer that others wait for.
  return ({ tenant, principal, requestId }) =>
    shared.read('', async () => {
      const context = { tenant, principal, requestId };
      const [nodes, { shards }] = await Promise.all([parts.see.nodes(context), parts.see.shards(context)]);
      return factsOf(nodes, shards);
    });
}

function factsOf(nodes: readonly wire.Node[], shards: readonly wire.Shard[]): ClusterFacts {
  const workers = nodes.filter(({ state, roles }) => state === nodeStateCodes.live && roles.includes('workers'));
  const total = workers.reduce((sum, { slotsTotal }) => sum + slotsTotal, 0);
  // Runs that wait for a thread are in its number of runs, too.
  const used = workers.reduce((sum, { slotsTotal, runs }) => sum + Math.min(slotsTotal, runs), 0);
  const without: readonly number[] = [shardStateCodes.unowned, shardStateCodes.unknown];
  return {
    nodes: countsOf(nodes),
    slots: { total, used, free: total - used },
    silentNodes: nodes.filter(({ state }) => state === nodeStateCodes.silent).map(({ id }) => id),
    unowned: shards.filter(({ state }) => without.includes(state)).map(({ number }) => number),
  };
}

function countsOf(nodes: readonly wire.Node[]): ClusterFacts['nodes'] {
  const counts = new Map<string, { readonly state: number; readonly version: string; nodes: number }>();
  for (const { state, version } of nodes) {
    const key = `${state} ${version}`;
    const count = counts.get(key) ?? { state, version, nodes: 0 };
    count.nodes += 1;
    counts.set(key, count);
  }
  return [...counts.values()].sort((one, other) => other.nodes - one.nodes).slice(0, versionsMax);
}
