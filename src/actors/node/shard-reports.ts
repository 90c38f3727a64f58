/**
 * Builds one report per shard that this node holds, from what the shard manager and its shards describe in the tree.
 * Pure.
 */
import { jobStateCodes, shardStateCodes } from '../../contract/codes.ts';
import type * as wire from '../../contract/messages.ts';
import { toTime } from '../../contract/time.ts';
import { jobStates } from '../../domain/job.ts';
import { ownValue } from '../../domain/own-value.ts';
import type { TreeNode } from '../../kernel/index.ts';
import { shardManagerPath, shardOfPath } from './node-paths.ts';

export function isInstantFact(name: string): boolean {
  return name === 'committedMs' || name.startsWith('lease.');
}

export function shardReports(tree: readonly TreeNode[], node: string, monotonicMs: number): readonly wire.Shard[] {
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
  const age = (sinceMs: number): wire.Duration => toTime(Math.max(0, Math.round(monotonicMs - sinceMs)));
  return leases.map(([number, renewedMs]) => {
    const facts = actors.get(number)?.facts ?? {};
    const count = (name: string): number => Number(ownValue(facts, name) ?? 0);
    return {
      number,
      state: facts['epoch'] === undefined ? shardStateCodes.opening : shardStateCodes.owned,
      node,
      epoch: count('epoch'),
      leaseAge: age(renewedMs),
      jobs: jobStates.flatMap((state) => {
        const jobs = count(`jobs.${state}`);
        return jobs > 0 ? [{ state: jobStateCodes[state], jobs }] : [];
      }),
      backlog: count('jobs'),
      undurable: count('undurable'),
      outbox: count('outbox'),
      lastCommitAge: facts['committedMs'] === undefined ? null : age(Number(facts['committedMs'])),
    };
  });
}
