/** Shows nodes, shards, actors and dead letters of the cluster. Everything is asked of the nodes on demand. */
import { TroupeError } from '../../domain/errors.ts';
import { namePattern } from '../../domain/queue.ts';
import { type CallContext, ensureAwaited } from '../protocol/call-context.ts';
import { FieldChecks } from '../jobs/field-checks.ts';
import {
  actorless,
  type ActorReport,
  type ActorRow,
  type DeadLetterReport,
  type NodeReport,
  type ShardReport,
} from '../protocol/node-protocol.ts';
import type { NodeInfo } from '../ports/membership.ts';
import type { Clock } from '../ports/runtime.ts';
import type { NodeAnswer, NodesAsker } from './ask-nodes.ts';

export type SeenNode = NodeAnswer<NodeReport>;

export type SeenShard =
  | { readonly number: number; readonly node: string; readonly report: ShardReport }
  /** `unknown` if some node did not answer, because it may own the shard. */
  | { readonly number: number; readonly report: undefined; readonly state: 'unowned' | 'unknown' };

export interface SeenActor {
  readonly node: string;
  readonly row: ActorRow;
}

export interface SeenTree {
  readonly actors: readonly SeenActor[];
  readonly omitted: number;
}

export interface TreeQuery {
  /** If empty, all nodes. */
  readonly node: string;
  /** If empty, all actors. */
  readonly path: string;
}

export interface SeenReports {
  readonly reports: readonly { readonly node: string; readonly report: ActorReport }[];
  readonly silentNodes: readonly string[];
}

export interface SeenDeadLetters {
  /** Newest first. */
  readonly letters: readonly { readonly node: string; readonly letter: DeadLetterReport }[];
  readonly counts: readonly { readonly node: string; readonly reason: string; readonly count: number }[];
  readonly silentNodes: readonly string[];
}

/**
 * Silent nodes are part of the result and not an error, so that the rest of the cluster is visible during an outage.
 */
export interface SeeCluster {
  nodes(context: CallContext): Promise<readonly SeenNode[]>;
  shards(
    context: CallContext,
  ): Promise<{ readonly shards: readonly SeenShard[]; readonly silentNodes: readonly string[] }>;
  tree(context: CallContext, query: TreeQuery): Promise<SeenTree>;
  inspect(context: CallContext, query: TreeQuery): Promise<SeenReports>;
  deadLetters(context: CallContext, query: TreeQuery & { readonly limit: number }): Promise<SeenDeadLetters>;
}

const limitDefault = 100;
const limitMax = 1_000;
const pathMaxChars = 512;

export function createSeeCluster(parts: {
  readonly asker: NodesAsker;
  readonly shardCount: number;
  readonly clock: Clock;
}): SeeCluster {
  const { asker, shardCount, clock } = parts;

  return {
    async nodes(context) {
      ensureAwaited(context, clock.nowMs());
      return asker.askAll(context, asker.members(), 'describe', null);
    },

    async shards(context) {
      ensureAwaited(context, clock.nowMs());
      const owners = asker.members().filter(({ roles }) => roles.includes('shards'));
      const answers = await asker.askAll(context, owners, 'shards', null);
      const silentNodes = silentOf(answers);
      const held = newestOwners(answers);
      const ownerless = silentNodes.length > 0 ? 'unknown' : 'unowned';
      const shards = Array.from({ length: shardCount }, (_, number): SeenShard => {
        const owner = held.get(number);
        return owner === undefined ? { number, report: undefined, state: ownerless } : { number, ...owner };
      });
      return { shards, silentNodes };
    },

    async tree(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query);
      const answers = await asker.askAll(context, asker.members(query.node), 'tree', { path });
      return {
        actors: answers.flatMap(({ node, answer }) =>
          (answer?.rows ?? [silentRow(node)]).map((row) => ({ node: node.nodeId, row })),
        ),
        omitted: answers.reduce((sum, { answer }) => sum + (answer?.omitted ?? 0), 0),
      };
    },

    async inspect(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query, { required: true });
      const answers = await asker.askAll(context, asker.members(query.node), 'inspect', { path });
      const reports = answers.flatMap(({ node, answer }) =>
        answer === undefined || answer === null ? [] : [{ node: node.nodeId, report: answer }],
      );
      const silentNodes = silentOf(answers);
      if (reports.length > 0) return { reports, silentNodes };
      const silent = silentNodes.length === 0 ? {} : { silentNodes: silentNodes.join(',') };
      throw new TroupeError('ACTOR_NOT_FOUND', { metadata: { path, ...silent } });
    },

    async deadLetters(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query);
      const limit = query.limit === 0 ? limitDefault : Math.min(query.limit, limitMax);
      const answers = await asker.askAll(context, asker.members(query.node), 'deadLetters', { path, limit });
      const letters = answers.flatMap(({ node, answer }) =>
        (answer?.letters ?? []).map((letter) => ({ node: node.nodeId, letter })),
      );
      return {
        letters: letters.sort((a, b) => b.letter.atMs - a.letter.atMs).slice(0, limit),
        counts: answers.flatMap(({ node, answer }) =>
          Object.entries(answer?.counts ?? {}).flatMap(([reason, count]) =>
            count === 0 ? [] : [{ node: node.nodeId, reason, count }],
          ),
        ),
        silentNodes: silentOf(answers),
      };
    },
  };
}

/** Validates the query and returns its path. An empty path means the whole tree. */
function checkedPath({ node, path }: TreeQuery, { required } = { required: false }): string {
  const checks = new FieldChecks();
  if (node !== '') checks.pattern('node', node, namePattern);
  if (path === '' && required) checks.add('path', 'is required');
  if (path !== '' && !path.startsWith('/')) checks.add('path', 'must begin with /');
  checks.length('path', path, pathMaxChars);
  checks.ensureNone();
  return path === '' ? '/' : path;
}

function silentOf(answers: readonly NodeAnswer<unknown>[]): readonly string[] {
  return answers.filter(({ answer }) => answer === undefined).map(({ node }) => node.nodeId);
}

/**
 * For a moment two nodes may believe that they own a shard. The one with the higher epoch counts, since only it can
 * write.
 */
function newestOwners(
  answers: readonly NodeAnswer<readonly ShardReport[]>[],
): ReadonlyMap<number, { readonly node: string; readonly report: ShardReport }> {
  const held = new Map<number, { readonly node: string; readonly report: ShardReport }>();
  for (const { node, answer } of answers) {
    for (const report of answer ?? []) {
      const other = held.get(report.shard);
      if (other === undefined || other.report.epoch < report.epoch)
        held.set(report.shard, { node: node.nodeId, report });
    }
  }
  return held;
}

/** Represents a node that did not answer, so that it does not disappear from the tree. */
function silentRow(node: NodeInfo): ActorRow {
  return {
    ...actorless,
    path: '/',
    kind: 'node',
    state: 'silent',
    facts: { version: node.version, roles: node.roles.join(',') },
  };
}
