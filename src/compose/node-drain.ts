/** How a node leaves: it stops taking work, ends its attempts within the grace period and hands its shards over. */
import type { MembershipMessage } from '../actors/node/membership-actor.ts';
import type { ShardManagerMessage } from '../actors/shard/shard-manager-actor.ts';
import type { AttemptsMessage } from '../actors/worker/attempts-message.ts';
import type { SlotPool } from '../actors/worker/slot-pool.ts';
import type { RunPool } from '../application/ports/run-pool.ts';
import type { ActorRef } from '../kernel/index.ts';
import type { ClusterParts } from './cluster-parts.ts';
import type { ProcessRuntime } from './runtime.ts';

/** Time after the grace period for handlers that clean up when they are stopped. Slower ones are killed. */
const stopMaxMs = 3_000;
/** Time to report the outcomes of the last attempts to their shards. */
const reportMaxMs = 5_000;
/** Time to hand the shards over. */
const shardsMaxMs = 8_000;

export interface DrainParts extends Pick<ClusterParts, 'system' | 'pool' | 'node' | 'runtime'> {
  /** Name of the actor at the top of the tree. */
  readonly root: string;
  readonly slots: SlotPool | undefined;
  readonly runs: ActorRef<AttemptsMessage>;
  readonly stopServing: () => void;
}

/**
 * The only way in which a node leaves. It accepts nothing new and announces this. The announcement also makes its
 * shards move to other nodes, a few at a time. If no other node can take them, the node keeps its shards until the
 * outcomes of its last attempts have reached them, and releases them last.
 */
export async function drainNode(parts: DrainParts, graceMs: number): Promise<void> {
  const { system, pool, node, runtime, root, slots, runs, stopServing } = parts;
  const began = runtime.clock.monotonicMs();
  runtime.log.info({ event: 'node.draining', nodeId: node.nodeId, graceMs }, 'node is draining');
  slots?.close();
  system.refAt<MembershipMessage>(`/${root}/membership`).tell({ kind: 'drain' });
  if (pool !== undefined) await drainRuns(runtime, pool, runs, graceMs);
  if (node.roles.includes('shards')) {
    const shardManager = system.refAt<ShardManagerMessage>(`/${root}/shards`);
    const released = settlement(runtime, (done) => shardManager.tell({ kind: 'drain', done }));
    if (!(await released(shardsMaxMs))) runtime.log.warn({}, 'shards not handed over in time; others take them over');
  }
  stopServing();
  const tookMs = Math.round(runtime.clock.monotonicMs() - began);
  runtime.log.info({ event: 'node.drained', nodeId: node.nodeId, tookMs }, 'node has drained');
}

/**
 * Attempts may end by themselves within the grace period. After it they are stopped as cancelled attempts are, and
 * finally their process is killed.
 */
async function drainRuns(
  runtime: ProcessRuntime,
  pool: RunPool,
  runs: ActorRef<AttemptsMessage>,
  graceMs: number,
): Promise<void> {
  const ended = settlement(runtime, (done) => runs.tell({ kind: 'drain', done }));
  if (!(await ended(graceMs))) {
    runs.tell({ kind: 'stop-all' });
    await ended(stopMaxMs);
  }
  await pool.stop(0);
  if (!(await ended(reportMaxMs)))
    runtime.log.warn({}, 'outcomes not reported in time; their jobs run again elsewhere');
}

/** Calls `ask` once. The returned function waits for the answer and resolves with whether it came in time. */
function settlement(
  runtime: ProcessRuntime,
  ask: (done: () => void) => boolean,
): (withinMs: number) => Promise<boolean> {
  const answer = Promise.withResolvers<true>();
  const done = (): void => answer.resolve(true);
  if (!ask(done)) done();
  return async (withinMs) => {
    let cancel: () => void = () => undefined;
    const late = new Promise<false>((resolve) => {
      cancel = runtime.clock.setTimer(withinMs, () => resolve(false));
    });
    const inTime = await Promise.race([answer.promise, late]);
    cancel();
    return inTime;
  };
}
