/** What a cell and its threads say to each other. Plain data only: it is cloned. */
import type { Execution, HandlerPayload } from '../../handlers/execution.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Code as it was when this generation of handlers was read: file URL → source. */
export type Sources = ReadonlyMap<string, string>;

export interface ThreadSetup {
  readonly slots: SharedArrayBuffer;
  readonly sources: Sources;
  /** Handler name → URL of its file. */
  readonly handlers: ReadonlyMap<string, string>;
}

export interface RunTask {
  readonly kind: 'run';
  readonly key: number;
  readonly slot: number;
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly input: HandlerPayload;
  /** Epoch ms. */
  readonly deadlineAtMs: number;
  readonly traceparent: string | undefined;
}
/** Imports every handler, so that the first job finds a warm thread. */
export interface WarmTask {
  readonly kind: 'warm';
  readonly key: number;
  readonly slot: number;
}
export type ThreadTask = RunTask | WarmTask;

export interface ThreadResult {
  readonly execution: Execution;
  readonly durationMs: number;
  /** How many `ThreadNote`s it sent: they take another port, and may come after the result. */
  readonly notes: number;
}

/** Sent while a task runs; bounded in rate by the thread. */
export type ThreadNote =
  | { readonly kind: 'log'; readonly key: number; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'note'; readonly key: number; readonly text: string };

export function isThreadNote(message: unknown): message is ThreadNote {
  return (
    typeof message === 'object' &&
    message !== null &&
    'kind' in message &&
    (message.kind === 'log' || message.kind === 'note')
  );
}
