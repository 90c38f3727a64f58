/** Everything that the adapter of a store provides. */
import type { AuditStore } from './audit-store.ts';
import type { DocumentStore } from './document-store.ts';
import type { JobStore } from './job-store.ts';
import type { PayloadStore } from './payload-store.ts';
import type { QueueStore } from './queue-store.ts';

/** Facts that are fixed when a cluster is created. Every process that joins checks them. */
export interface ClusterFacts {
  readonly clusterId: string;
  readonly shardCount: number;
}

/** Schema versions: the one found when the store was opened (0: none), and the one it has since then. */
export interface SchemaClimb {
  readonly from: number;
  readonly to: number;
}

/**
 * The note that the place of the large payloads has the mark of this cluster (`storage/place-mark.ts`). Once noted, it
 * stays.
 */
export interface ObjectsMark {
  isNoted(): Promise<boolean>;
  /** Durable when it resolves. Safe to repeat. */
  note(): Promise<void>;
}

export interface Store {
  readonly kind: 'sqlite' | 'cassandra';
  readonly schema: SchemaClimb;
  readonly jobs: JobStore;
  readonly queues: QueueStore;
  readonly documents: DocumentStore;
  readonly audit: AuditStore;
  readonly payloads: PayloadStore;
  /** The first caller's facts win and are returned to all callers. Safe when several processes call it at once. */
  agreeFacts(proposal: ClusterFacts): Promise<ClusterFacts>;
  readonly objectsMark: ObjectsMark;
  /** Throws STORE_UNAVAILABLE if the store does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}
