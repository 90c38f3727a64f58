/**
 * The parts of BullMQ that the bench uses. The package is installed only when the bench is asked for it, so its own types
 * are not there when this is checked.
 */
import { createRequire } from 'node:module';

export interface BullJob {
  readonly id?: string | undefined;
  readonly data: unknown;
}

export interface BullDraft {
  readonly name: string;
  readonly data: unknown;
}

interface Closable {
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface BullQueue extends Closable {
  add(name: string, data: unknown): Promise<BullJob>;
  addBulk(jobs: readonly BullDraft[]): Promise<readonly BullJob[]>;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface BullCompletion {
  readonly jobId: string;
  readonly returnvalue: unknown;
}

interface BullFailure {
  readonly jobId: string;
  readonly failedReason: string;
}

export interface BullEvents extends Closable {
  on(event: 'completed', listener: (completion: BullCompletion) => void): unknown;
  on(event: 'failed', listener: (failure: BullFailure) => void): unknown;
}

export interface BullConnection {
  readonly host: string;
  readonly port: number;
  /** BullMQ demands null for workers. */
  readonly maxRetriesPerRequest?: null;
}

interface QueueOptions {
  readonly connection: BullConnection;
}

interface WorkerOptions extends QueueOptions {
  readonly concurrency: number;
  readonly useWorkerThreads?: boolean;
}

export interface BullMq {
  readonly Queue: new (name: string, options: QueueOptions) => BullQueue;
  readonly QueueEvents: new (name: string, options: QueueOptions) => BullEvents;
  readonly Worker: new (
    name: string,
    /** A function runs in the process of the worker. A file runs in a process or thread of its own. */
    processor: URL | ((job: BullJob) => Promise<unknown>),
    options: WorkerOptions,
  ) => Closable;
}

const packageName: string = 'bullmq';

export function loadBullMq(): BullMq {
  const load = createRequire(import.meta.url) as (name: string) => unknown;
  return load(packageName) as BullMq;
}
