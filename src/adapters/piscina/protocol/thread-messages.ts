/** What a cell and its threads say to each other. Plain data only: it is cloned. A thread runs one task at a time. */
import type { RunRequest } from '../../../application/ports/run-pool.ts';
import type { LogLevel } from '../../../domain/job-log.ts';
import type { RunPayload } from '../../../domain/attempt-outcome.ts';
import type { HandlerOutcome } from '../../../handlers/execution.ts';

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
  /** Epoch ms by which the attempt has ended, or is ended. */
  readonly endsAtMs: number;
}
/** The first of each thread. `warm`: it imports every handler, so that the first job finds it warm. */
interface StartTask {
  readonly kind: 'start';
  readonly warm: boolean;
}
export type ThreadTask = RunTask | StartTask;

/** Answer to `start`. */
export interface ThreadStarted {
  /** Its number in the operating system, where that can be told. */
  readonly osThread: number | undefined;
}

/**
 * What becomes of the thread after a run. `spent`: no other run should find what was changed in it, so it ends. `busy`: code
 * of the run goes on in it, so the run has ended when the thread has.
 */
export const threadFates = ['free', 'spent', 'busy'] as const;
export type ThreadFate = (typeof threadFates)[number];

export interface ThreadResult {
  readonly outcome: HandlerOutcome;
  readonly durationMs: number;
  /** How many `ThreadNote`s it sent: they take another port, and may come after the result. */
  readonly notes: number;
  readonly thread: ThreadFate;
}

/** Numbers of a run only grow. */
export interface CheckpointNote {
  readonly kind: 'checkpoint';
  readonly number: number;
  readonly payload: RunPayload;
}

/** Sent while a task runs; bounded in rate by the thread. */
export type ThreadNote =
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'note'; readonly text: string }
  | CheckpointNote;

export const noteMaxChars = 2_000;
