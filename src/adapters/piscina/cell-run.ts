/** What a cell knows of one run, from its command to its end. */
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { RunCommand } from './cell-frames.ts';
import type { CellThread } from './cell-threads.ts';
import type { ThreadResult } from './thread-messages.ts';

export interface Run {
  readonly command: RunCommand;
  readonly acceptedAtMs: number;
  requeues: number;
  thread: CellThread | undefined;
  assignedAtMs: number;
  takenAtMs: number | undefined;
  started: boolean;
  /** It has been asked to stop, and this is how it will end. */
  stop: { outcome: RunOutcome; readonly atMs: number } | undefined;
  terminatedAtMs: number | undefined;
  stuck: boolean;
  fraction: number;
  note: string;
  noted: boolean;
  /** Notes heard so far. */
  heard: number;
  /** Signs of life at the last look, and when there was a new one. */
  signs: number;
  signAtMs: number;
  /** Has come, but not all of its notes have. */
  result: ThreadResult | undefined;
}

export function newRun(command: RunCommand, nowMs: number): Run {
  return {
    command,
    acceptedAtMs: nowMs,
    requeues: 0,
    thread: undefined,
    assignedAtMs: 0,
    takenAtMs: undefined,
    started: false,
    stop: undefined,
    terminatedAtMs: undefined,
    stuck: false,
    fraction: 0,
    note: '',
    noted: false,
    heard: 0,
    signs: 0,
    signAtMs: 0,
    result: undefined,
  };
}

export function isPastDeadline({ command }: Run): boolean {
  return command.deadlineAtMs !== undefined && Date.now() >= command.deadlineAtMs;
}
