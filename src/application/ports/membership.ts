/** Who is there, who holds which shard, what is configured. All of it in NATS KV, all of it rebuildable. */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { HandlerVersion } from '../../domain/handler-need.ts';

export interface NodeInfo {
  readonly nodeId: string;
  /** Grows with each start of the node, and when it was taken for dead; a lower one is dead and never comes back. */
  readonly incarnation: number;
  readonly roles: readonly ('gateway' | 'shards' | 'workers')[];
  /** Its share of the shards, compared with that of others. */
  readonly weight: number;
  readonly slots: number;
  /** Of a node that works. */
  readonly workerClass: string;
  /** What a node that works can run: one version of each. */
  readonly handlers: readonly HandlerVersion[];
  readonly draining: boolean;
  /** It has not reached the store for most of a lease: no shard is placed on it while others reach it. Absent: false. */
  readonly storeAway?: boolean;
  readonly version: string;
}

/** One of each node: lower incarnations are dead. */
export function newestIncarnations(nodes: Iterable<NodeInfo>): readonly NodeInfo[] {
  const newest = new Map<string, NodeInfo>();
  for (const node of nodes) {
    const known = newest.get(node.nodeId);
    if (known === undefined || known.incarnation < node.incarnation) newest.set(node.nodeId, node);
  }
  return [...newest.values()];
}

/**
 * `expired`: the key of this incarnation had run out, others took it for dead; it may come back as a new one.
 * `replaced`: a newer incarnation of the node is there; this one must end.
 */
export type Announced = 'present' | 'expired' | 'replaced';

export interface Membership {
  /** Puts (and with it renews) this node's key. Rejects BROKER_UNAVAILABLE. */
  announce(node: NodeInfo): Promise<Announced>;
  /** Removes this node's key at once. */
  withdraw(node: NodeInfo): Promise<void>;
  /** Live nodes as of now, from the local view that a watch keeps; a node unseen for its ttl is left out. */
  nodes(): readonly NodeInfo[];
  onChange(listener: () => void): () => void;
}

export interface LeaseHold {
  readonly shard: number;
  readonly holder: string;
  readonly incarnation: number;
  /** Revision of the key; names the hold for renewal and release. */
  readonly revision: number;
}

/** Liveness only: safety is the epoch in the store. */
export interface ShardLeases {
  /** Time to live of a lease that is not renewed. */
  readonly ttlMs: number;
  /** Undefined when somebody else holds it. A lease of an older incarnation of the same holder is taken over at once. */
  acquire(shard: number, holder: string, incarnation: number): Promise<LeaseHold | undefined>;
  /** Undefined when the lease was lost. Rejects BROKER_UNAVAILABLE when that is not known. */
  renew(hold: LeaseHold): Promise<LeaseHold | undefined>;
  release(hold: LeaseHold): Promise<void>;
  /** Shard → node that holds its lease, from the local view that a watch keeps. */
  holders(): ReadonlyMap<number, string>;
  /** Called when a lease was taken, released or has run out; not for renewals. */
  onChange(listener: () => void): () => void;
}

/** Manifests and queue names that nodes and gateways push to each other. */
export interface SharedConfig {
  /** Versions of a handler lie side by side; of one handler the newest published are kept, a bounded number. */
  publishManifest(manifest: HandlerManifest): Promise<void>;
  /** All known versions of the handler, in no order. */
  manifestsOf(handler: string): readonly HandlerManifest[];
  /** Names of all handlers that are known, in no order. */
  handlerNames(): Iterable<string>;
  /** Tells everyone that the queue is new or changed; the store has the truth. `stamp`: see `queueStamp`. */
  touchQueue(tenant: string, queue: string, stamp: number): Promise<void>;
  /** Tells everyone that the queue is gone. */
  removeQueue(tenant: string, queue: string): Promise<void>;
  /** `tenant/queue` → stamp. */
  queues(): ReadonlyMap<string, number>;
  onChange(listener: () => void): () => void;
}
