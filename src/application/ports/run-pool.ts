/** Where handler code runs: a cell process with threads. No user code ever runs in the caller's process. */
import type { AttemptOutcome } from '../protocol/shard-protocol.ts';
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { JobId } from '../../domain/job-id.ts';

/** Input or output as bytes or JSON text; large ones have been fetched already. */
export type RunPayload =
  { readonly kind: 'json'; readonly json: string } | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

export interface RunRequest {
  /** Unique in the node: `<jobId>#<token>`. */
  readonly runId: string;
  readonly jobId: JobId;
  readonly attempt: number;
  readonly handler: string;
  readonly input: RunPayload;
  readonly executionTimeoutMs: number;
  /** Longest time without a sign of life, from the handler's first instruction. Absent: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** Epoch ms by the clock of this machine: the job's own end, if it has one. */
  readonly deadlineAtMs?: number;
  readonly suspect: boolean;
  /** Heap it needs at least, whatever its handler asks for. */
  readonly memoryMb?: number;
  /** What an earlier attempt saved last. */
  readonly checkpoint?: RunPayload;
  readonly traceparent?: string;
}

export type RunOutcome =
  { readonly kind: 'succeeded'; readonly output?: RunPayload } | Exclude<AttemptOutcome, { kind: 'succeeded' }>;

export interface RunEvents {
  /** The handler's first instruction is about to run in its thread. */
  started(runId: string): void;
  progress(runId: string, fraction: number, note: string): void;
  /** Exactly once per accepted run, and only when its code no longer runs. */
  ended(runId: string, outcome: RunOutcome, durationMs: number): void;
  log(runId: string, level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** The handler asks to save this; answered by `checkpointed`. Numbers of a run only grow. At most `checkpointMaxBytes`. */
  checkpoint(runId: string, number: number, payload: RunPayload): void;
  /** `capacity()` grew without a run having ended: a cell that had died is up again. */
  room?(): void;
}

export interface RunPoolStats {
  readonly threads: number;
  readonly busy: number;
  /** Accepted and not yet in a thread. */
  readonly waiting: number;
  /** Threads that could not be ended; the node has so many fewer. */
  readonly leaked: number;
  readonly rssBytes: number;
  readonly cells: readonly CellStats[];
}

export interface CellStats {
  readonly pid: number | undefined;
  /** `draining`: it ends after its last run. */
  readonly state: 'starting' | 'up' | 'draining' | 'down';
  readonly restarts: number;
  /** Threads that it may run. */
  readonly threads: number;
  /** Threads that it has, idle ones of every memory class included. */
  readonly threadsAlive: number;
  readonly busy: number;
  /** Threads that could not be ended. */
  readonly leaked: number;
  /** 0 until the cell has told. */
  readonly rssBytes: number;
  /** Of the cell's own loop, over the last second; 0..1. */
  readonly eventLoopUtilization: number;
}

/** An accepted run that has not ended. */
export interface RunView {
  readonly runId: string;
  readonly jobId: JobId;
  readonly attempt: number;
  readonly handler: string;
  readonly executionTimeoutMs: number;
  readonly deadlineAtMs?: number;
  readonly suspect: boolean;
  /** 0..1 */
  readonly progress: number;
  readonly note: string;
  /** Absent: it waits for a thread. */
  readonly startedAgoMs?: number;
  readonly cellPid?: number;
  readonly thread?: number;
  /** Since its thread gave a sign of life; to the second. */
  readonly pulseAgoMs?: number;
}

export const profileMinMs = 1_000;
export const profileMaxMs = 60_000;
export const profileMaxBytes = 16 * 1_048_576;

export interface RunPool {
  /** Resolves with the manifests of all handlers that could be loaded; those that could not are logged. */
  start(events: RunEvents): Promise<readonly HandlerManifest[]>;
  /** At most `capacity()` may be accepted and not ended. Throws MAILBOX_FULL past it. */
  run(request: RunRequest): void;
  /** Runs that may be handed over now: free threads plus a short look-ahead that keeps them fed. */
  capacity(): number;
  /** Flag, then abort signal, then thread, then process; ends as `stopped`, when the code is gone. */
  cancel(runId: string): void;
  /** The checkpoint is durable, or (not `saved`) never will be. */
  checkpointed(runId: string, number: number, saved: boolean): void;
  stats(): RunPoolStats;
  /** In the order they were accepted. */
  runs(): readonly RunView[];
  /**
   * A CPU profile of the run's thread, as the JSON text of a `.cpuprofile`: `profileMinMs` to `profileMaxMs` of the run, in
   * the middle of a synchronous loop too. Ends early when the run ends. One at a time in each cell.
   * Throws INVALID_ARGUMENT (field `duration`), RUN_NOT_FOUND (unknown, not running, or gone before it could be read),
   * PROFILE_BUSY, PAYLOAD_TOO_LARGE past `profileMaxBytes`.
   */
  profile(runId: string, options: { readonly durationMs: number }): Promise<string>;
  /** Of the handlers that are loaded now. */
  manifests(): readonly HandlerManifest[];
  /** Manifests changed because handlers were reloaded. */
  onManifests(listener: (manifests: readonly HandlerManifest[]) => void): () => void;
  /** Waits up to `graceMs` for runs to end, then ends them as `lost`. */
  stop(graceMs: number): Promise<void>;
}
