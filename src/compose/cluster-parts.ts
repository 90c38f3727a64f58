/** The parts from which the roles of a node are wired, and the connections between the roles. */
import type { JobCache } from '../application/ports/job-cache.ts';
import type { RunPool } from '../application/ports/run-pool.ts';
import type { Sealing } from '../application/sealing/sealing.ts';
import type { ShardBatcher } from '../application/protocol/shard-batcher.ts';
import type { ShardRouter } from '../application/protocol/shard-router.ts';
import type { WatchedTenants } from '../application/tenants/watched-tenants.ts';
import type { Store } from '../application/ports/store.ts';
import type { NodeInfo } from '../application/ports/membership.ts';
import type { NatsBus } from '../adapters/nats/connect-nats.ts';
import type { PatientAsks } from '../adapters/nats/patient-asks.ts';
import type { ActorSystem } from '../kernel/index.ts';
import type { WindowLimits } from '../actors/shard/services/dispatch-windows.ts';
import type { StopRun } from '../actors/shard/services/shard-services.ts';
import type { NodeHandlers } from '../actors/worker/node-handlers.ts';
import type { SlotPool } from '../actors/worker/slot-pool.ts';
import type { Config } from '../config/index.ts';
import type { DrainRequest } from './drain-request.ts';
import type { ProcessRuntime } from './runtime.ts';
import type { Traces } from './traces.ts';

export interface ClusterParts {
  readonly config: Config;
  readonly runtime: ProcessRuntime;
  readonly system: ActorSystem;
  readonly bus: NatsBus;
  readonly store: Store;
  readonly sealing: Sealing;
  readonly router: ShardRouter;
  readonly batcher: ShardBatcher;
  readonly node: Omit<NodeInfo, 'handlers'>;
  readonly shardCount: number;
  readonly startedAtMs: number;
  readonly drainRequest: DrainRequest;
  /** For questions to NATS without whose answers the start does not go on. */
  readonly asks: Pick<PatientAsks, 'ask'>;
  /** Bounds of the dispatch windows of this process. Default: those of production. */
  readonly windowLimits?: WindowLimits;
  /** From so many bytes of jobs on, those that are far from their turn become cold. Default: that of production. */
  readonly memoryTightBytes?: number;
  /** The unfinished jobs of a minute are listed when it had no commit for this long. Default: that of production. */
  readonly listQuietMs?: number;
  /** The job cache, if this process is a gateway. */
  readonly cache: JobCache | undefined;
  /**
   * Handlers' log lines already appear on the terminal to which the log is written, so they must not be logged again.
   */
  readonly handlersAreTold: boolean;
  /** Absent if nobody collects traces. */
  readonly traces: Traces | undefined;
  /** Present on worker nodes. */
  readonly pool?: RunPool;
}

/** Connections between the roles. The actors do not know each other. */
export interface Wiring {
  readonly tenants: WatchedTenants;
  readonly slots: SlotPool | undefined;
  readonly handlers: NodeHandlers;
  /** Asks a node to end a run. Best effort: if the request is lost, the node's next heartbeat ends the run. */
  readonly stopRun: (node: string, stop: StopRun) => void;
  /** The node is back as a new incarnation, to which its leases belong from now on. */
  readonly onRejoined: (incarnation: number) => void;
  /** A newer process has this node's id, so this one must end. */
  readonly onReplaced: () => void;
  /** Whether the shards of this node fail to reach the store. */
  readonly onStoreReach: (isAway: boolean) => void;
}
