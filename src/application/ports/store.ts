/** What an adapter for a whole store provides. */
import type { JobStore } from './job-store.ts';
import type { PayloadStore } from './payload-store.ts';
import type { QueueStore } from './queue-store.ts';

/** Facts fixed when a cluster is created, checked by every process that joins. */
export interface ClusterFacts {
  readonly clusterId: string;
  readonly shardCount: number;
}

/** Versions of the schema: what opening the store found (0: nothing), and what it is since then. */
export interface SchemaClimb {
  readonly from: number;
  readonly to: number;
}

export interface Store {
  readonly kind: 'sqlite' | 'cassandra';
  readonly schema: SchemaClimb;
  readonly jobs: JobStore;
  readonly queues: QueueStore;
  readonly payloads: PayloadStore;
  /** The first caller's facts win and are returned to all; safe from several processes at once. */
  agreeFacts(proposal: ClusterFacts): Promise<ClusterFacts>;
  /** Throws STORE_UNAVAILABLE when the store does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
