/**
 * Builds one report per shard that this node holds, from what the shard manager and its shards describe in the tree.
 * Pure.
 */
import type { ShardReport } from '../../application/protocol/node-protocol.ts';
import { type JobState, jobStates } from '../../domain/job.ts';
import { ownValue } from '../../domain/own-value.ts';
import type { TreeNode } from '../../kernel/index.ts';
import { shardManagerPath, shardOfPath } from './node-paths.ts';
import { given } from '../../domain/given.ts';

export function isInstantFact(name: string): boolean {
  return name === 'committedMs' || name.startsWith('lease.');
}

export function shardReports(tree: readonly TreeNode[], monotonicMs: number): readonly ShardReport[] {
  const manager = tree.find(({ path }) => path === shardManagerPath);
  const actors = new Map(
    tree.flatMap((actor) => {
      const shard = shardOfPath(actor.path);
      return shard === undefined ? [] : [[shard, actor] as const];
    }),
  );
  const leases = Object.entries(manager?.facts ?? {}).flatMap(([name, renewedMs]) =>
    name.startsWith('lease.') ? [[Number(name.slice('lease.'.length)), Number(renewedMs)] as const] : [],
  );
  return leases.map(([shard, renewedMs]) => reportOf(shard, actors.get(shard), monotonicMs - renewedMs, monotonicMs));
}

function reportOf(shard: number, actor: TreeNode | undefined, leaseAgeMs: number, monotonicMs: number): ShardReport {
  const facts = actor?.facts ?? {};
  const count = (name: string): number => Number(ownValue(facts, name) ?? 0);
  const jobs: Partial<Record<JobState, number>> = {};
  for (const state of jobStates) if (count(`jobs.${state}`) > 0) jobs[state] = count(`jobs.${state}`);
  const committedMs = facts['committedMs'];
  return {
    shard,
    state: facts['epoch'] === undefined ? 'opening' : 'owned',
    epoch: count('epoch'),
    leaseAgeMs: Math.max(0, Math.round(leaseAgeMs)),
    jobs,
    backlog: count('jobs'),
    undurable: count('undurable'),
    outbox: count('outbox'),
    ...given({
      lastCommitAgeMs:
        committedMs === undefined ? undefined : Math.max(0, Math.round(monotonicMs - Number(committedMs))),
    }),
  };
}
