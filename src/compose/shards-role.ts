/** Wires the shard manager of this node with what its shards need. */
import { getHeapStatistics } from 'node:v8';
import { createClosedQueueWatch } from '../application/queues/closed-queues.ts';
import { createFlowRules } from '../application/queues/flow-rules.ts';
import { createTenantFlowRules } from '../application/queues/tenant-flow-rules.ts';
import { JobMemory } from '../actors/shard/table/job-memory.ts';
import { WorkLooks } from '../actors/shard/services/work-looks.ts';
import { DispatchWindows } from '../actors/shard/services/dispatch-windows.ts';
import { shardManagerActor } from '../actors/shard/shard-manager-actor.ts';
import {
  brokerSyncMsFor,
  createShardMetrics,
  defaultShardLimits,
  outboxMaxFor,
  type ShardLimits,
} from '../actors/shard/services/shard-services.ts';
import type { Config } from '../config/index.ts';
import type { ClusterParts, Wiring } from './cluster-parts.ts';
import { natsSyncMs } from './nats-sync.ts';
import { given } from '../domain/given.ts';

export function shardsOf(parts: ClusterParts, wiring: Wiring): ReturnType<typeof shardManagerActor> {
  const { config, runtime, bus, store, router, batcher, node } = parts;
  const { clock, log } = runtime;
  const rules = createFlowRules({ store: store.queues, config: bus.config, clock, log });
  return shardManagerActor({
    nodeId: node.nodeId,
    incarnation: node.incarnation,
    shardCount: parts.shardCount,
    store: store.jobs,
    publisher: bus.publisher,
    tenants: wiring.tenants,
    flowRules: createTenantFlowRules({ rules, tenants: wiring.tenants }),
    closedQueues: createClosedQueueWatch({ store: store.queues, clock, log }),
    workLooks: new WorkLooks(),
    dispatchWindows: new DispatchWindows(parts.windowLimits),
    memory: new JobMemory(memoryMaxBytes(config), runtime.telemetry, parts.memoryTightBytes),
    peers: batcher,
    server: router,
    leases: bus.leases,
    membership: bus.membership,
    limits: { ...shardLimits(config), ...given({ listQuietMs: parts.listQuietMs }) },
    metrics: createShardMetrics(runtime.telemetry),
    stopRun: wiring.stopRun,
    onStoreReach: wiring.onStoreReach,
    ...given({ spans: parts.traces?.spans }),
  });
}

const mib = 1_048_576;

/** The other half is for requests on their way, for garbage, and for what the estimate does not contain. */
const heapShare = 0.5;

function memoryMaxBytes({ shards: { memoryMaxMb } }: Config): number {
  return memoryMaxMb > 0 ? memoryMaxMb * mib : Math.floor(heapShare * getHeapStatistics().heap_size_limit);
}

function shardLimits({ shards, nats }: Config): ShardLimits {
  const { backlogMax, groupMaxRecords } = shards;
  return {
    ...defaultShardLimits,
    backlogMax,
    groupMaxRecords,
    outboxMax: outboxMaxFor(backlogMax),
    brokerSyncMs: brokerSyncMsFor(natsSyncMs(nats)),
  };
}
