/**
 * The protocol between the node process and a cell. One frame per turn of the event loop each way, holding everything
 * that happened in it.
 */
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import type { RunEvent, RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import type { MemoryBounds } from '../../../domain/memory-class.ts';
import type { Sources } from './thread-messages.ts';

/**
 * Ended runs that a cell may hold back. When the cell dies, its parent has not heard of them and counts them in when it
 * looks for suspects.
 */
export const heldEndsMax = 16;

export interface CellSetup {
  readonly threads: number;
  /** Default and largest memory class. */
  readonly memory: MemoryBounds;
  /** Past this resident memory of the process, a run is ended. */
  readonly rssMaxBytes: number;
  readonly cancelGraceMs: number;
  /** Of what a run returns; more does not leave its thread. */
  readonly outputMaxBytes: number;
  /** A run that waited longer for a thread is released: some other node may have one. */
  readonly waitMaxMs: number;
  /** How long starts and successes may wait for company while runs wait for a thread. */
  readonly gatherMs: number;
  /** What handlers see in `process.env`. */
  readonly handlerEnv: ReadonlyMap<string, string>;
  /** Files to import, as URLs. */
  readonly files: readonly string[];
  readonly sources: Sources;
}

export type CellCommand =
  | { readonly kind: 'setup'; readonly setup: CellSetup }
  | { readonly kind: 'run'; readonly request: RunRequest }
  | { readonly kind: 'cancel'; readonly runId: string }
  | { readonly kind: 'checkpointed'; readonly runId: string; readonly number: number; readonly saved: boolean }
  | { readonly kind: 'profile'; readonly runId: string; readonly durationMs: number };

export interface RunVitals {
  readonly runId: string;
  readonly thread: number;
  /** Since its thread gave the last sign of life; to the second. */
  readonly quietMs: number;
}

export interface CellVitals {
  readonly rssBytes: number;
  /** Of the cell's own loop, over the last second; 0..1. */
  readonly eventLoopUtilization: number;
  /** Idle ones of every memory class included. */
  readonly threadsAlive: number;
  /** Threads that could not be ended. */
  readonly leaked: number;
  /** Processes that ended threads had started: ended, and their numbers kept until the cell ends. */
  readonly orphans: number;
  /** One per busy thread. */
  readonly runs: readonly RunVitals[];
}

/** A handler file that is not served, and why. `url` of the file. */
export interface HandlerProblem {
  readonly url: string;
  readonly reason: string;
}
export interface LoadedHandler {
  readonly url: string;
  readonly manifest: HandlerManifest;
}

/** A profile comes in parts, so that no frame grows large; `failed` ends it too. */
export type ProfileEvent =
  | { readonly kind: 'profile-part'; readonly runId: string; readonly text: string; readonly last: boolean }
  | { readonly kind: 'profile-failed'; readonly runId: string; readonly why: 'not-running' | 'too-large' };

export type CellEvent =
  /** Sent before the file is imported, so that the parent knows which one killed the process. */
  | { readonly kind: 'importing'; readonly url: string }
  | { readonly kind: 'up'; readonly handlers: readonly LoadedHandler[]; readonly problems: readonly HandlerProblem[] }
  | { readonly kind: 'failed'; readonly reason: string }
  /** Once a second: alive, and how it fares. */
  | { readonly kind: 'pulse'; readonly vitals: CellVitals }
  | RunEvent
  | ProfileEvent
  /** The thread does not end: only the death of the process will, and then this is the run's outcome. */
  | { readonly kind: 'stuck'; readonly runId: string; readonly outcome: RunOutcome };

export const pulseEveryMs = 1_000;
/** Where a cell finds the pipe to its parent. */
export const cellDescriptor = 3;
