/** What a cell and its threads say to each other. Plain data only: it is cloned. A thread runs one task at a time. */
import type { Execution, HandlerPayload } from '../../handlers/execution.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Code as it was when this generation of handlers was read: file URL → source. */
export type Sources = ReadonlyMap<string, string>;

export interface ThreadSetup {
  readonly slot: SharedArrayBuffer;
  readonly sources: Sources;
  /** Handler name → URL of its file. */
  readonly handlers: ReadonlyMap<string, string>;
}

export interface RunTask {
  readonly kind: 'run';
  readonly jobId: string;
  readonly attempt: number;
  readonly handler: string;
  readonly input: HandlerPayload;
  /** Epoch ms. */
  readonly deadlineAtMs: number;
  readonly traceparent: string | undefined;
}
/** The first of each thread. `warm`: it imports every handler, so that the first job finds it warm. */
export interface StartTask {
  readonly kind: 'start';
  readonly warm: boolean;
}
export type ThreadTask = RunTask | StartTask;

export interface ThreadResult {
  readonly execution: Execution;
  readonly durationMs: number;
  /** How many `ThreadNote`s it sent: they take another port, and may come after the result. */
  readonly notes: number;
  /** The run changed what JavaScript itself provides: no other run should find that. */
  readonly tampered: boolean;
}

/** Sent while a task runs; bounded in rate by the thread. */
export type ThreadNote =
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'note'; readonly text: string };

const levels: ReadonlySet<unknown> = new Set<LogLevel>(['debug', 'info', 'warn', 'error']);
export const noteMaxChars = 2_000;

/** A handler can post to the cell by itself: nothing but this is listened to. */
export function isThreadNote(message: unknown): message is ThreadNote {
  if (typeof message !== 'object' || message === null || !('kind' in message) || !('text' in message)) return false;
  if (typeof message.text !== 'string' || message.text.length > noteMaxChars) return false;
  return message.kind === 'note' || (message.kind === 'log' && 'level' in message && levels.has(message.level));
}
