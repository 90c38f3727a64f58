/**
 * The protocol between the node process and a cell. Each side sends one frame per turn of its event loop, with
 * everything that happened in that turn.
 */
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import type { RunEvent, RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import type { MemoryBounds } from '../../../domain/memory-class.ts';
import type { StreamAnswer, StreamAsk } from './stream-messages.ts';
import type { Sources } from './thread-messages.ts';

/**
 * How many ended runs a cell may hold back. When the cell dies, its parent does not know of them, and allows for them
 * when it looks for suspects.
 */
export const heldEndsMax = 16;

export interface CellSetup {
  readonly threads: number;
  /** Default and largest memory class. */
  readonly memory: MemoryBounds;
  /** When the resident memory of the process exceeds this, a run is ended. */
  readonly rssMaxBytes: number;
  readonly cancelGraceMs: number;
  /** Limit of a run's output. A larger output does not leave its thread. */
  readonly outputMaxBytes: number;
  /** A run that has waited longer for a thread is released, because another node may have one. */
  readonly waitMaxMs: number;
  /** How long starts and successes may be held back while runs wait for a thread. */
  readonly gatherMs: number;
  /** What handlers see in `process.env`. */
  readonly handlerEnv: ReadonlyMap<string, string>;
  /** The cell becomes this user, and the group of the same number, before it starts a thread. */
  readonly uid?: number;
  /** Files to import, as URLs. */
  readonly files: readonly string[];
  readonly sources: Sources;
}

export type CellCommand =
  | { readonly kind: 'setup'; readonly setup: CellSetup }
  | { readonly kind: 'run'; readonly request: RunRequest }
  | { readonly kind: 'cancel'; readonly runId: string }
  | { readonly kind: 'checkpointed'; readonly runId: string; readonly number: number; readonly saved: boolean }
  | { readonly kind: 'profile'; readonly runId: string; readonly durationMs: number }
  | { readonly kind: 'stream-answer'; readonly runId: string; readonly number: number; readonly answer: StreamAnswer };

export interface RunVitals {
  readonly runId: string;
  readonly thread: number;
  /** Time since its thread gave the last sign of life, to the second. */
  readonly quietMs: number;
}

export interface CellVitals {
  readonly rssBytes: number;
  /** Utilization of the cell's own event loop over the last second; 0..1. */
  readonly eventLoopUtilization: number;
  /** Including idle threads of every memory class. */
  readonly threadsAlive: number;
  /** Threads that could not be ended. */
  readonly leaked: number;
  /** Processes that ended threads had started. They are ended too, but keep their process ids until the cell ends. */
  readonly orphans: number;
  /** One per busy thread. */
  readonly runs: readonly RunVitals[];
}

/** A handler file that is not served, and why. `url` is that of the file. */
export interface HandlerProblem {
  readonly url: string;
  readonly reason: string;
}
export interface LoadedHandler {
  readonly url: string;
  readonly manifest: HandlerManifest;
}

/** A profile is sent in parts, so that no frame grows large. `profile-failed` ends it too. */
export type ProfileEvent =
  | { readonly kind: 'profile-part'; readonly runId: string; readonly text: string; readonly last: boolean }
  | { readonly kind: 'profile-failed'; readonly runId: string; readonly why: 'not-running' | 'too-large' };

export type CellEvent =
  /** Sent before the file is imported, so that the parent knows which one killed the process. */
  | { readonly kind: 'importing'; readonly url: string }
  | { readonly kind: 'up'; readonly handlers: readonly LoadedHandler[]; readonly problems: readonly HandlerProblem[] }
  | { readonly kind: 'failed'; readonly reason: string }
  /** Sent once a second, to show that the cell is alive and how it fares. */
  | { readonly kind: 'pulse'; readonly vitals: CellVitals }
  | RunEvent
  | ProfileEvent
  | { readonly kind: 'stream-ask'; readonly runId: string; readonly number: number; readonly ask: StreamAsk }
  /** The thread does not end. Only the death of the process will end the run, with this outcome. */
  | { readonly kind: 'stuck'; readonly runId: string; readonly outcome: RunOutcome };

export const pulseEveryMs = 1_000;
/** The descriptor at which a cell finds the pipe to its parent. */
export const cellDescriptor = 3;
