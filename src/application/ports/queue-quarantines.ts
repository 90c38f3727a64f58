/**
 * Which queues are in quarantine, and why. Every process knows the marks, and they survive restarts. A mark with a node
 * holds the queue back on that node alone, because the supervisor there gave up on the queue.
 */
export interface QueueMark {
  readonly tenant: string;
  readonly queue: string;
  /** If absent, the mark holds on all nodes. */
  readonly node?: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Whether the mark holds its queue back on this node. */
export function holdsBack({ node }: QueueMark, nodeId: string): boolean {
  return node === undefined || node === nodeId;
}

export interface QueueQuarantines {
  /** Replaces the mark of the same queue and node. Rejects with BROKER_UNAVAILABLE. */
  put(mark: QueueMark): Promise<void>;
  /** Removes every mark of the queue. */
  clear(tenant: string, queue: string): Promise<void>;
  /** Marks of the queue. A mark for all nodes comes first. */
  of(tenant: string, queue: string): readonly QueueMark[];
  /** Marks of all queues of the tenant. */
  ofTenant(tenant: string): readonly QueueMark[];
  onChange(listener: () => void): () => void;
}
