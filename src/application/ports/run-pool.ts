/** Runs handler code in threads of a cell process. No user code ever runs in the caller's process. */
import type { AttemptOutcome, RunInput, RunOutput } from '../../domain/attempt-outcome.ts';
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { LogLevel } from '../../domain/job-log.ts';
import type { PayloadParts } from './payload-store.ts';

export interface RunRequest {
  /** Unique in the node: `<jobId>#<token>`. */
  readonly runId: string;
  readonly jobId: JobId;
  readonly tenant: string;
  readonly attempt: number;
  readonly handler: string;
  readonly input: RunInput;
  readonly executionTimeoutMs: number;
  /** Longest time without a sign of life, counted from the handler's first instruction. Default: no limit. */
  readonly heartbeatTimeoutMs?: number;
  /** Epoch ms by the clock of this machine at which the job as a whole must end, if it has a total timeout. */
  readonly deadlineAtMs?: number;
  /** The attempt runs isolated, because the job was in a thread of a cell that died. */
  readonly suspect: boolean;
  /** Least heap that the attempt gets, whatever its handler asks for. */
  readonly memoryMb?: number;
  /** The last checkpoint that an earlier attempt saved. */
  readonly checkpoint?: RunInput;
  readonly traceparent?: string;
  /** Its progress notes are shown to nobody who looks at the runs, and its lines appear on no terminal. */
  readonly hidesTexts?: boolean;
}

export type RunOutcome = AttemptOutcome<RunOutput>;

/** What a run reads piece by piece. */
export type StreamSource = 'input' | 'checkpoint';
/** What it writes so. */
export type StreamTarget = 'output' | 'checkpoint';

/**
 * How the pool reaches the payloads of a run that go piece by piece. It calls nothing of it after `ended`, and lets the parts
 * of an output that is not complete by then fail.
 */
export interface RunStreams {
  /** The piece of the input, or of the last checkpoint, that begins there, of at most `payloadPartBytes`. */
  read(of: StreamSource, offset: number): Promise<Uint8Array>;
  /**
   * Stores an output, or a checkpoint, as its parts come. Durable when it resolves. An output is written once at most, a
   * checkpoint when the one before has been answered.
   */
  write(to: StreamTarget, parts: PayloadParts): Promise<void>;
}

/** An event of a run. It travels from the cell to the attempt that waits for it without being translated. */
export type RunEvent =
  /** The handler's first instruction is about to run in its thread. */
  | { readonly kind: 'started'; readonly runId: string }
  | { readonly kind: 'progress'; readonly runId: string; readonly fraction: number; readonly note: string }
  | { readonly kind: 'log'; readonly runId: string; readonly level: LogLevel; readonly text: string }
  /**
   * The handler asks to save this checkpoint: one of at most `checkpointMaxBytes`, or the one that it has streamed last.
   * `checkpointed` answers. Numbers grow within a run.
   */
  | { readonly kind: 'checkpoint'; readonly runId: string; readonly number: number; readonly payload: RunOutput }
  /** Sent exactly once for each accepted run, and only when its code no longer runs. */
  | { readonly kind: 'ended'; readonly runId: string; readonly outcome: RunOutcome; readonly durationMs: number };

/** `room`: `capacity()` grew although no run ended, because a cell that had died is up again. */
export type PoolEvent = RunEvent | { readonly kind: 'room' };

export interface RunPoolStats {
  readonly threads: number;
  readonly busy: number;
  /** Runs that were accepted and have no thread yet. */
  readonly waiting: number;
  /** Threads that could not be terminated. The node has that many fewer to use. */
  readonly leaked: number;
  readonly rssBytes: number;
  readonly cells: readonly CellStats[];
}

export interface CellStats {
  readonly pid: number | undefined;
  /** `draining`: the cell ends after its last run. */
  readonly state: 'starting' | 'up' | 'draining' | 'down';
  readonly restarts: number;
  /** Threads that the cell may run at most. */
  readonly threads: number;
  /** Threads that exist, including idle ones of every memory class. */
  readonly threadsAlive: number;
  readonly busy: number;
  /** Threads that could not be terminated. */
  readonly leaked: number;
  /** 0 until the cell has reported it. */
  readonly rssBytes: number;
  /** Utilization of the cell's own event loop over the last second, 0..1. */
  readonly eventLoopUtilization: number;
}

/** A run that was accepted and has not ended. */
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
  /** Absent while the run waits for a thread. */
  readonly startedAgoMs?: number;
  readonly cellPid?: number;
  readonly thread?: number;
  /** Time since the thread last gave a sign of life, with a resolution of one second. */
  readonly pulseAgoMs?: number;
}

/** Limits of a CPU profile. */
export const profileMinMs = 1_000;
export const profileMaxMs = 60_000;
export const profileMaxBytes = 16 * 1_048_576;

export interface RunPool {
  /** Resolves with the manifests of all handlers that could be loaded. The others are logged. */
  start(onEvent: (event: PoolEvent) => void): Promise<readonly HandlerManifest[]>;
  /**
   * Accepts a run. The caller must keep within `capacity()`. Throws OVERLOADED beyond the pool's hard limit, and
   * SHUTTING_DOWN after `stop`. Without `streams` the run has none.
   */
  run(request: RunRequest, streams?: RunStreams): void;
  /** Runs that may be handed over now: free threads plus a short look-ahead that keeps the threads busy. */
  capacity(): number;
  /**
   * Sets the cancel flag, then aborts the signal, then terminates the thread, then the process. The run ends as
   * `stopped`.
   */
  cancel(runId: string): void;
  /** Answers a checkpoint: it is durable, or (`saved` is false) it never will be. */
  checkpointed(runId: string, number: number, saved: boolean): void;
  stats(): RunPoolStats;
  /** In the order in which they were accepted. */
  runs(): readonly RunView[];
  /**
   * Takes a CPU profile of the run's thread, as the JSON text of a `.cpuprofile`. It covers `profileMinMs` to
   * `profileMaxMs`, also within a synchronous loop, and ends early when the run ends. Each cell takes one at a time.
   * Throws INVALID_ARGUMENT (field `duration`), RUN_NOT_FOUND (unknown, not running, or ended before the profile was
   * read), PROFILE_BUSY, and PAYLOAD_TOO_LARGE beyond `profileMaxBytes`.
   */
  profile(runId: string, options: { readonly durationMs: number }): Promise<string>;
  /** Manifests of the handlers that are loaded now. */
  manifests(): readonly HandlerManifest[];
  /** Called when a reload of handlers changed the manifests. */
  onManifests(listener: (manifests: readonly HandlerManifest[]) => void): () => void;
  /** Waits up to `graceMs` for runs to end, then ends the rest as `lost`. */
  stop(graceMs: number): Promise<void>;
}
