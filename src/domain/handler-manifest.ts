/** What the cluster knows of a handler without ever importing it. Published by nodes, read by gateways. */
import type { RetryPolicy } from './job.ts';

export interface HandlerManifest {
  readonly name: string;
  readonly version: string;
  /** `json`: the input is a JSON document that must satisfy `inputSchema`. `bytes`: it is opaque. `any`: either. */
  readonly inputKind: 'json' | 'bytes' | 'any';
  /** JSON Schema (2020-12) of a JSON input, if the handler declared one that can be expressed so. */
  readonly inputSchema?: Readonly<Record<string, unknown>>;
  readonly executionTimeoutMs?: number;
  /** 0: none, whatever the queue says. */
  readonly heartbeatTimeoutMs?: number;
  /** Heap of its thread, rounded up to a memory class by the node. */
  readonly memoryMb?: number;
  /** Heap up to which an attempt that ran out of memory is repeated in the next class. */
  readonly memoryMaxMb?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** From the cancel flag to the forced end of the thread. */
  readonly cancelGraceMs?: number;
}
