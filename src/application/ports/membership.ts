/**
 * Which nodes are alive, which node holds which shard, and what is configured. All of it lies in NATS KV and can be
 * rebuilt.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { HandlerVersion } from '../../domain/handler-need.ts';

export interface NodeInfo {
  readonly nodeId: string;
  /**
   * Grows with each start of the node, and when others took the node for dead. A lower incarnation never comes back.
   */
  readonly incarnation: number;
  readonly roles: readonly ('gateway' | 'shards' | 'workers')[];
  /** Share of the shards that this node takes, relative to the weights of the other nodes. */
  readonly weight: number;
  readonly slots: number;
  /** Only meaningful for a node with the role `workers`. */
  readonly workerClass: string;
  /** Handlers that a node with the role `workers` can run: one version of each. */
  readonly handlers: readonly HandlerVersion[];
  /** The tenants whose jobs the node takes, as tenant-pool.ts says. Absent: all that are not dedicated. */
  readonly tenants?: readonly string[];
  readonly draining: boolean;
  /**
   * The node has not reached the store for most of a lease. It gets no shard while other nodes reach the store.
   * Default: false.
   */
  readonly storeAway?: boolean;
  readonly version: string;
}

/** Only the newest incarnation of each node, since lower ones are dead. */
export function newestIncarnations(nodes: Iterable<NodeInfo>): readonly NodeInfo[] {
  const newest = new Map<string, NodeInfo>();
  for (const node of nodes) {
    const known = newest.get(node.nodeId);
    if (known === undefined || known.incarnation < node.incarnation) newest.set(node.nodeId, node);
  }
  return [...newest.values()];
}

/**
 * `expired`: the key of this incarnation had run out, so others took the node for dead. It may return as a new
 * incarnation.
 * `replaced`: a newer incarnation of the node exists. This process must end.
 */
export type Announced = 'present' | 'expired' | 'replaced';

export interface Membership {
  /** Writes this node's key, which also renews it. Rejects with BROKER_UNAVAILABLE. */
  announce(node: NodeInfo): Promise<Announced>;
  /** Removes this node's key at once. */
  withdraw(node: NodeInfo): Promise<void>;
  /**
   * Nodes that are alive now, from a local view that a watch keeps. A node that was not seen for its ttl is left out.
   */
  nodes(): readonly NodeInfo[];
  onChange(listener: () => void): () => void;
}

export interface LeaseHold {
  readonly shard: number;
  readonly holder: string;
  readonly incarnation: number;
  /** Revision of the key. It identifies the lease for renewal and release, until NATS may have issued it again. */
  readonly revision: number;
}

/** Leases decide liveness only. Safety comes from the epoch in the store. */
export interface ShardLeases {
  /** Time after which a lease expires if it is not renewed. */
  readonly ttlMs: number;
  /**
   * Undefined if another holder has the lease. A lease of an older incarnation of the same holder is replaced at once.
   */
  acquire(shard: number, holder: string, incarnation: number): Promise<LeaseHold | undefined>;
  /** Undefined if the lease was lost. Rejects with BROKER_UNAVAILABLE if the outcome is unknown. */
  renew(hold: LeaseHold): Promise<LeaseHold | undefined>;
  release(hold: LeaseHold): Promise<void>;
  /** Maps a shard to the node that holds its lease, from a local view that a watch keeps. */
  holders(): ReadonlyMap<number, string>;
  /** Called when a lease is taken, released or expires, but not when it is renewed. */
  onChange(listener: () => void): () => void;
}

/** Manifests and queue names that nodes and gateways share. */
export interface SharedConfig {
  /**
   * Adds a version of a handler beside the others. Only a bounded number of versions, the newest published, is kept.
   */
  publishManifest(manifest: HandlerManifest): Promise<void>;
  /** All known versions of the handler, in no particular order. */
  manifestsOf(handler: string): readonly HandlerManifest[];
  /** Names of all known handlers, in no particular order. */
  handlerNames(): Iterable<string>;
  /** Announces that a queue is new or has changed. The store holds its settings. See `queueStamp` for `stamp`. */
  touchQueue(tenant: string, queue: string, stamp: number): Promise<void>;
  /** Announces that a queue was deleted. */
  removeQueue(tenant: string, queue: string): Promise<void>;
  /** Maps `tenant/queue` to the stamp. */
  queues(): ReadonlyMap<string, number>;
  onChange(listener: () => void): () => void;
}
