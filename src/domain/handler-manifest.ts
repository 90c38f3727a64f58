/** What the cluster knows about a handler without importing it. Nodes publish manifests; gateways read them. */
import type { RetryPolicy } from './job.ts';

/** The published facts of one handler. An absent field means that the handler does not set it. */
export interface HandlerManifest {
  readonly name: string;
  readonly version: string;
  /**
   * `json`: the input is a JSON document that must satisfy `inputSchema`. `bytes`: the input is opaque. `any`: either.
   */
  readonly inputKind: 'json' | 'bytes' | 'any';
  /** The handler reads its input piece by piece, so the input may be larger than what others get whole. */
  readonly inputStreamed?: boolean;
  /**
   * The JSON Schema (2020-12) of a JSON input. Absent if the handler declared no schema, or one that JSON Schema cannot
   * express.
   */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  /** Default: the queue's. */
  readonly executionTimeoutMs?: number;
  /** 0 turns the heartbeat timeout off, whatever the queue says. Default: the queue's. */
  readonly heartbeatTimeoutMs?: number;
  /** Heap size of the thread. The node rounds it up to a memory class. Default: the node's default class. */
  readonly memoryMb?: number;
  /**
   * If an attempt runs out of memory, it is repeated in the next memory class, up to this heap size. Default: not
   * repeated.
   */
  readonly memoryMaxMb?: number;
  /** Replaces parts of the queue's retry policy. */
  readonly retry?: Partial<RetryPolicy>;
  /** Time from the cancel request until the thread is terminated. Default: the node's `workers.cancelGraceMs`. */
  readonly cancelGraceMs?: number;
}
