/** Shows nodes, shards, actors and dead letters of the cluster. Everything is asked of the nodes on demand. */
import { actorStateCodes, nodeStateCodes, shardStateCodes } from '../../contract/codes.ts';
import { numberOf } from '../../contract/int64.ts';
import type * as wire from '../../contract/messages.ts';
import { timestampMs } from '../../contract/time.ts';
import { TroupeError } from '../../domain/errors.ts';
import { namePattern } from '../../domain/queue.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { actorless } from '../ports/node-protocol.ts';
import type { NodeInfo } from '../ports/membership.ts';
import type { Clock } from '../ports/runtime.ts';
import type { NodeAnswer, NodesAsker } from '../protocol/ask-nodes.ts';

/**
 * Silent nodes are part of the result and not an error, so that the rest of the cluster is visible during an outage.
 */
export interface SeeCluster {
  nodes(context: CallContext): Promise<readonly wire.Node[]>;
  shards(context: CallContext): Promise<wire.ListShardsResponse>;
  tree(context: CallContext, query: wire.GetTreeRequest): Promise<wire.GetTreeResponse>;
  inspect(context: CallContext, query: wire.InspectRequest): Promise<wire.InspectResponse>;
  /** Newest first. */
  deadLetters(context: CallContext, query: wire.ListDeadLettersRequest): Promise<wire.ListDeadLettersResponse>;
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
      const answers = await asker.askAll(context, asker.members(), 'describe', null);
      return answers.map(({ node, answer }) => {
        if (answer === undefined) return silentNode(node);
        return node.draining ? { ...answer, state: nodeStateCodes.draining } : answer;
      });
    },

    async shards(context) {
      ensureAwaited(context, clock.nowMs());
      const owners = asker.members().filter(({ roles }) => roles.includes('shards'));
      const answers = await asker.askAll(context, owners, 'shards', null);
      const silentNodes = silentOf(answers);
      const held = newestOwners(answers);
      // A node that did not answer may own it.
      const state = silentNodes.length > 0 ? shardStateCodes.unknown : shardStateCodes.unowned;
      const shards = Array.from(
        { length: shardCount },
        (_, number) => held.get(number) ?? { ...ownerless, number, state },
      );
      return { shards, silentNodes };
    },

    async tree(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query);
      const answers = await asker.askAll(context, asker.members(query.node), 'tree', { path });
      return {
        actors: answers.flatMap(({ node, answer }) => answer?.actors ?? [silentRow(node)]),
        omitted: answers.reduce((sum, { answer }) => sum + (answer?.omitted ?? 0), 0),
      };
    },

    async inspect(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query, { required: true });
      const answers = await asker.askAll(context, asker.members(query.node), 'inspect', { path });
      const actors = answers.flatMap(({ answer }) => answer ?? []);
      const silentNodes = silentOf(answers);
      if (actors.length > 0) return { actors, silentNodes };
      const silent = silentNodes.length === 0 ? {} : { silentNodes: silentNodes.join(',') };
      throw new TroupeError('ACTOR_NOT_FOUND', { metadata: { path, ...silent } });
    },

    async deadLetters(context, query) {
      ensureAwaited(context, clock.nowMs());
      const path = checkedPath(query);
      const limit = query.limit === 0 ? limitDefault : Math.min(query.limit, limitMax);
      const answers = await asker.askAll(context, asker.members(query.node), 'deadLetters', { path, limit });
      const letters = answers.flatMap(({ answer }) => answer?.deadLetters ?? []);
      return {
        deadLetters: letters.sort((a, b) => sentAtMs(b) - sentAtMs(a)).slice(0, limit),
        counts: answers.flatMap(({ answer }) => answer?.counts ?? []),
        silentNodes: silentOf(answers),
      };
    },
  };
}

/** Validates the query and returns its path. An empty path means the whole tree. */
function checkedPath({ node, path }: wire.GetTreeRequest, { required } = { required: false }): string {
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

function sentAtMs({ time }: wire.DeadLetter): number {
  return timestampMs(time) ?? 0;
}

/**
 * For a moment two nodes may believe that they own a shard. The one with the higher epoch counts, since only it can
 * write.
 */
function newestOwners(answers: readonly NodeAnswer<readonly wire.Shard[]>[]): ReadonlyMap<number, wire.Shard> {
  const held = new Map<number, wire.Shard>();
  for (const shard of answers.flatMap(({ answer }) => answer ?? [])) {
    const other = held.get(shard.number);
    if (other === undefined || numberOf(other.epoch) < numberOf(shard.epoch)) held.set(shard.number, shard);
  }
  return held;
}

const ownerless = {
  node: '',
  epoch: 0,
  leaseAge: null,
  jobs: [],
  backlog: 0,
  undurable: 0,
  outbox: 0,
  lastCommitAge: null,
} as const satisfies Partial<wire.Shard>;

/** What the membership knows of a node that did not answer. */
function silentNode({ nodeId, slots, incarnation, roles, version, handlers, workerClass }: NodeInfo): wire.Node {
  return {
    id: nodeId,
    incarnation,
    state: nodeStateCodes.silent,
    roles,
    version,
    startTime: null,
    slotsTotal: slots,
    slotsFree: 0,
    runs: 0,
    handlers,
    shards: 0,
    eventLoopUtilization: 0,
    rssBytes: 0,
    machineLoad: 0,
    workerClass: roles.includes('workers') ? workerClass : '',
  };
}

/** Represents a node that did not answer, so that it does not disappear from the tree. */
function silentRow({ nodeId, version, roles }: NodeInfo): wire.Actor {
  return {
    ...actorless,
    node: nodeId,
    path: '/',
    kind: 'node',
    state: actorStateCodes.silent,
    facts: { version, roles: roles.join(',') },
  };
}
