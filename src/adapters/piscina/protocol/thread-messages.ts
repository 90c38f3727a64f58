/**
 * The messages between a cell and its threads. They are plain data, because they are cloned. A thread executes one task
 * at a time.
 */
import type { MessagePort } from 'node:worker_threads';
import type { RunRequest } from '../../../application/ports/run-pool.ts';
import type { LogLevel } from '../../../domain/job-log.ts';
import type { RunOutput } from '../../../domain/attempt-outcome.ts';
import type { HandlerOutcome } from '../../../handlers/handler-outcome.ts';

/** Code as it was when this generation of handlers was read: file URL → source. */
export type Sources = ReadonlyMap<string, string>;

export interface ThreadSetup {
  readonly slot: SharedArrayBuffer;
  readonly sources: Sources;
  /** Handler name → URL of its file. */
  readonly handlers: ReadonlyMap<string, string>;
  readonly outputMaxBytes: number;
}

export interface RunTask {
  readonly kind: 'run';
  readonly request: RunRequest;
  /** Epoch ms at which the attempt is ended if it has not ended by then. */
  readonly endsAtMs: number;
}
/** The first task of each thread. `warm`: it imports every handler, so that the first job need not wait for that. */
interface StartTask {
  readonly kind: 'start';
  readonly warm: boolean;
  /** For questions about the streams of runs. */
  readonly streams: MessagePort;
}
export type ThreadTask = RunTask | StartTask;

/** Answer to `start`. */
export interface ThreadStarted {
  /** The thread's id in the operating system, where the system reports it. */
  readonly osThread: number | undefined;
}

/**
 * What happens to the thread after a run. `spent`: the run changed something that no other run should find, so the
 * thread ends. `busy`: code of the run still executes in the thread, so the run ends when the thread does.
 */
export const threadFates = ['free', 'spent', 'busy'] as const;
export type ThreadFate = (typeof threadFates)[number];

export interface ThreadResult {
  readonly outcome: HandlerOutcome;
  readonly durationMs: number;
  /** How many `ThreadNote`s the run sent. They use another port, and may arrive after the result. */
  readonly notes: number;
  readonly thread: ThreadFate;
}

/** Within a run the numbers only grow. */
export interface CheckpointNote {
  readonly kind: 'checkpoint';
  readonly number: number;
  readonly payload: RunOutput;
}

/** Sent while a task executes. The thread limits their rate. */
export type ThreadNote =
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'note'; readonly text: string }
  | CheckpointNote;

export const noteMaxChars = 2_000;
export const progressMaxChars = 200;
