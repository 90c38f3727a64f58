/** Calls about the cluster. Those that change something need the permission `cluster.operate`. */
import type { CallParts } from './call-parts.ts';
import { incompleteAnswer } from './client-error.ts';
import { toOptionalTime } from '../contract/time.ts';
import { fromActor, fromDeadLetters, fromNode, fromReport, fromShard } from './cluster-mapper.ts';
import type {
  ActorInfo,
  ActorReportInfo,
  DeadLettersInfo,
  NodeInfo,
  ShardInfo,
  TreeInfo,
  TreeOptions,
} from './cluster-types.ts';
import type { CallSettings } from './connection.ts';
import { fromOverview } from './overview-mapper.ts';
import type { OverviewInfo } from './overview-types.ts';
import { queueOf } from './queues-client.ts';
import type { QueueInfo } from './job-types.ts';
import { withRetries } from './retry.ts';

/**
 * Calls about the cluster. They need the permission `cluster.read`, and those that change something (`drainNode`,
 * `quarantineQueue`, `resumeQueue`) and `profileRun` need `cluster.operate`. Without it they reject with
 * PERMISSION_MISSING, and with NO_CREDENTIALS if the call has no token.
 */
export interface ClusterClient {
  /**
   * Draws a first page in one call: three verdicts, what is wrong now, and the queues that need somebody most. It needs
   * the permission `queues.read` only; without `cluster.read` it has no `cluster`. `queueContains`: only list queues whose
   * name contains this text.
   */
  overview(options?: { readonly queueContains?: string } & CallSettings): Promise<OverviewInfo>;
  /** Lists all nodes by id. */
  nodes(): Promise<readonly NodeInfo[]>;
  /** Lists all shards by number, with their owners. `silentNodes` are the ids of nodes that did not answer. */
  shards(): Promise<{ readonly shards: readonly ShardInfo[]; readonly silentNodes: readonly string[] }>;
  /** Returns the actors of all nodes, or of one. */
  tree(options?: TreeOptions): Promise<TreeInfo>;
  /**
   * Yields the whole tree at once, and again after each change. `intervalMs` is the time between two states: 250 to
   * 60,000, default 1,000. A slow reader misses intermediate states; nothing is queued for it. It ends only by
   * `signal`.
   */
  watchTree(
    options?: TreeOptions & { readonly intervalMs?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<TreeInfo, void>;
  /** Returns one report per node that has an actor at `path`. Rejects with ACTOR_NOT_FOUND if no node has. */
  inspect(path: string, options?: Pick<TreeOptions, 'node'>): Promise<readonly ActorReportInfo[]>;
  /** Lists dead letters of all nodes or one, newest first. A node keeps its last 256. */
  deadLetters(options?: TreeOptions & { readonly limit?: number }): Promise<DeadLettersInfo>;
  /**
   * Starts to drain a node, as SIGTERM would: it takes no new work, lets attempts end within its grace period, releases
   * the rest and its shards, and exits. Resolves when the drain has begun.
   */
  drainNode(node: string): Promise<NodeInfo>;
  /**
   * Stops all nodes from starting jobs of a queue until it is resumed. Jobs are still accepted, and running jobs
   * continue. The quarantine survives restarts. Repeating the call replaces the reason.
   */
  quarantineQueue(queue: string, reason: string): Promise<QueueInfo>;
  /** Ends all quarantines of a queue, including those that nodes have imposed themselves. */
  resumeQueue(queue: string): Promise<QueueInfo>;
  /**
   * Records a CPU profile of the thread that runs a job. Resolves to the content of a `.cpuprofile` file. `durationMs`
   * is 1,000 to 60,000, default 5,000; the profile ends early if the attempt does. Rejects with JOB_STATE_FORBIDS if
   * the job does not run.
   */
  profileRun(
    jobId: string,
    options?: { readonly durationMs?: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array>;
}

/** Time for the call in addition to the duration of the profile. */
const profileSlackMs = 25_000;
const profileMaxMs = 60_000;

export function createClusterClient(parts: CallParts): ClusterClient {
  const { connection, backoff } = parts;
  const { cluster } = parts.contract;
  /** Reads are idempotent, so they may always be retried. */
  const look = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'always', undefined, call);

  return {
    async overview({ queueContains, ...settings } = {}) {
      const call = () => connection.unary(cluster.GetOverview, { queueContains }, settings);
      return fromOverview(await withRetries(backoff, 'always', settings.signal, call));
    },

    async nodes() {
      return (await look(() => connection.unary(cluster.ListNodes, {}))).nodes.map(fromNode);
    },

    async shards() {
      const { shards, silentNodes } = await look(() => connection.unary(cluster.ListShards, {}));
      return { shards: shards.map(fromShard), silentNodes };
    },

    async tree(options = {}) {
      const { actors, omitted } = await look(() => connection.unary(cluster.GetTree, options));
      return { actors: actors.map(fromActor), omitted };
    },

    async *watchTree({ intervalMs, signal, ...query } = {}) {
      const request = { ...query, interval: toOptionalTime(intervalMs) };
      let known: ReadonlyMap<string, ActorInfo> = new Map();
      for await (const change of connection.stream(cluster.WatchTree, request, { signal })) {
        known = merged(known, change.changed.map(fromActor), change.gone);
        yield { actors: [...known.values()], omitted: change.omitted };
      }
    },

    async inspect(path, { node } = {}) {
      const { actors } = await look(() => connection.unary(cluster.Inspect, { path, node }));
      return actors.flatMap((report) => fromReport(report) ?? []);
    },

    async deadLetters(options = {}) {
      return fromDeadLetters(await look(() => connection.unary(cluster.ListDeadLetters, options)));
    },

    async drainNode(node) {
      const answer = await look(() => connection.unary(cluster.DrainNode, { node }));
      if (answer.node === null) throw incompleteAnswer('the gateway answered without a node');
      return fromNode(answer.node);
    },

    async quarantineQueue(queue, reason) {
      return queueOf(await look(() => connection.unary(cluster.QuarantineQueue, { queue, reason })));
    },

    async resumeQueue(queue) {
      return queueOf(await look(() => connection.unary(cluster.ResumeQueue, { queue })));
    },

    async profileRun(jobId, { durationMs, signal } = {}) {
      const request = { jobId, duration: toOptionalTime(durationMs) };
      const timeoutMs = Math.min(durationMs ?? 0, profileMaxMs) + profileSlackMs;
      const chunks: Uint8Array[] = [];
      for await (const { part } of connection.stream(cluster.ProfileRun, request, { signal, timeoutMs })) {
        chunks.push(part);
      }
      return Buffer.concat(chunks);
    },
  };
}

/** Applies a change to the known rows. New rows are put in tree order. */
function merged(
  known: ReadonlyMap<string, ActorInfo>,
  changed: readonly ActorInfo[],
  gone: readonly { readonly node: string; readonly path: string }[],
): ReadonlyMap<string, ActorInfo> {
  const rows = new Map(known);
  for (const { node, path } of gone) rows.delete(`${node} ${path}`);
  const fresh = changed.filter(({ node, path }) => !rows.has(`${node} ${path}`));
  for (const actor of changed) rows.set(`${actor.node} ${actor.path}`, actor);
  return fresh.length === 0 ? rows : inTreeOrder(rows);
}

/** Sorts by node. Parents come before their descendants, and siblings keep the order in which they were first seen. */
function inTreeOrder(rows: ReadonlyMap<string, ActorInfo>): ReadonlyMap<string, ActorInfo> {
  const below = new Map<string, [string, ActorInfo][]>();
  const parentOf = ({ node, path }: ActorInfo): string => {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const parent = `${node} ${path.slice(0, at)}`;
      if (rows.has(parent)) return parent;
    }
    return path !== '/' && rows.has(`${node} /`) ? `${node} /` : '';
  };
  for (const row of rows) {
    const parent = parentOf(row[1]);
    const siblings = below.get(parent) ?? [];
    if (siblings.length === 0) below.set(parent, siblings);
    siblings.push(row);
  }
  const ordered = new Map<string, ActorInfo>();
  const visit = (parent: string): void => {
    for (const [key, actor] of below.get(parent) ?? []) {
      ordered.set(key, actor);
      visit(key);
    }
  };
  const tops = below.get('') ?? [];
  tops.sort(([, a], [, b]) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0));
  visit('');
  return ordered;
}
