/** The present state of this node, assembled from all parts that know some of it. */
import { nodeStateCodes } from '../../contract/codes.ts';
import type * as wire from '../../contract/messages.ts';
import { toTime } from '../../contract/time.ts';
import type { NodeVitals } from '../../application/ports/node-protocol.ts';
import type { NodeInfo } from '../../application/ports/membership.ts';
import { holdsBack, type QueueQuarantines } from '../../application/ports/queue-quarantines.ts';
import type { RunPool } from '../../application/ports/run-pool.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { JobRecord } from '../../domain/job.ts';
import type { ActorSystem, TreeNode } from '../../kernel/index.ts';
import { ActivityMeter } from './activity-meter.ts';
import { actorRows } from './actor-rows.ts';
import { ActorEvents } from './event-log.ts';
import { shardReports } from './shard-reports.ts';

export interface AdminServices {
  readonly node: Omit<NodeInfo, 'handlers'>;
  readonly startedAtMs: number;
  readonly system: Pick<ActorSystem, 'tree' | 'deadLetters' | 'deadLetterCounts' | 'subscribe'>;
  readonly quarantines: QueueQuarantines;
  /** Present on worker nodes. */
  readonly pool: Pick<RunPool, 'stats' | 'runs' | 'profile'> | undefined;
  readonly slotsFree: () => number;
  readonly handlers: () => readonly Pick<HandlerManifest, 'name' | 'version'>[];
  readonly vitals: () => NodeVitals;
  readonly isDraining: () => boolean;
  /** What this process does not wait for, because it does not answer. */
  readonly outages: () => readonly string[];
  /** Replaces the cached copy of a job whose payloads were erased. Does nothing on a node that keeps no copies. */
  readonly replaceCopy: (record: JobRecord) => void;
  /** Ends the process as SIGTERM would. */
  readonly drain: () => void;
}

export class NodeView {
  readonly events: ActorEvents;
  readonly #services: AdminServices;
  readonly #clock: Clock;
  readonly #meter = new ActivityMeter();

  constructor(services: AdminServices, clock: Clock) {
    this.#services = services;
    this.#clock = clock;
    this.events = new ActorEvents(() => clock.nowMs());
  }

  /** Call this every `markEveryMs`. Rates cover the time since the last but one call. */
  mark(): void {
    this.#meter.mark(this.#services.system.tree(), this.#clock.monotonicMs());
  }

  report(): wire.Node {
    return this.#report(this.#services.system.tree());
  }

  shards(): readonly wire.Shard[] {
    return this.#shards(this.#services.system.tree());
  }

  /** One look at the tree serves all rows, so that they fit together. */
  rows(): readonly wire.Actor[] {
    const { system, node, pool, quarantines } = this.#services;
    const monotonicMs = this.#clock.monotonicMs();
    const tree = system.tree();
    return actorRows({
      tree,
      node: this.#report(tree),
      outages: this.#services.outages(),
      cells: pool?.stats().cells ?? [],
      runs: pool?.runs() ?? [],
      nowMs: this.#clock.nowMs(),
      activityOf: (actor) => this.#meter.activityOf(actor, monotonicMs),
      heldFor: (tenant, queue) => quarantines.of(tenant, queue).find((mark) => holdsBack(mark, node.nodeId))?.reason,
    });
  }

  #report(tree: readonly TreeNode[]): wire.Node {
    const { node, startedAtMs, pool } = this.#services;
    const stats = pool?.stats();
    const handlers = this.#services.handlers().map(({ name, version }) => ({ name, version }));
    return {
      id: node.nodeId,
      incarnation: node.incarnation,
      state: this.#services.isDraining() ? nodeStateCodes.draining : nodeStateCodes.live,
      roles: node.roles,
      version: node.version,
      startTime: toTime(startedAtMs),
      slotsTotal: stats?.threads ?? 0,
      slotsFree: this.#services.slotsFree(),
      runs: stats === undefined ? 0 : stats.busy + stats.waiting,
      handlers: handlers.sort((a, b) => (a.name < b.name ? -1 : 1)),
      shards: this.#shards(tree).length,
      ...this.#services.vitals(),
      workerClass: node.roles.includes('workers') ? node.workerClass : '',
    };
  }

  #shards(tree: readonly TreeNode[]): readonly wire.Shard[] {
    return shardReports(tree, this.#services.node.nodeId, this.#clock.monotonicMs());
  }
}
