/**
 * Which queues are not handed out, and why. Known to every process, kept over restarts. A mark with a node holds the queue
 * back on that node alone: its own supervisor gave up on it.
 */
export interface QueueMark {
  readonly tenant: string;
  readonly queue: string;
  /** Absent: on all nodes. */
  readonly node?: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Whether it holds its queue back on this node. */
export function holdsBack({ node }: QueueMark, nodeId: string): boolean {
  return node === undefined || node === nodeId;
}

export interface QueueQuarantines {
  /** Replaces the mark of the same queue and node. Rejects BROKER_UNAVAILABLE. */
  put(mark: QueueMark): Promise<void>;
  /** Takes away every mark of the queue. */
  clear(tenant: string, queue: string): Promise<void>;
  /** The one for all nodes first. */
  of(tenant: string, queue: string): readonly QueueMark[];
  onChange(listener: () => void): () => void;
}
