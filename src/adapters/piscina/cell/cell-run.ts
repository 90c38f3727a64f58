/** What a cell knows of one run, from its command to its end. */
import type { RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import { SteadyTime } from '../../../domain/steady-time.ts';
import type { CellThread } from './cell-thread.ts';
import { NoteBounds } from './note-bounds.ts';
import type { RunTask, ThreadResult } from '../protocol/thread-messages.ts';

export interface Run {
  readonly request: RunRequest;
  readonly memoryMb: number;
  readonly acceptedAtMs: number;
  requeues: number;
  thread: CellThread | undefined;
  assignedAtMs: number;
  takenAtMs: number | undefined;
  started: boolean;
  /** It has been asked to stop, and this is how it will end. */
  stop: { outcome: RunOutcome; readonly atMs: number } | undefined;
  stuck: boolean;
  fraction: number;
  note: string;
  noted: boolean;
  /** Notes heard so far. */
  heard: number;
  readonly bounds: NoteBounds;
  /** Signs of life at the last look, and when there was a new one. */
  signs: number;
  signAtMs: number;
  /** It has ended, but for what it left behind: its outcome once its thread is gone. */
  leaving: RunOutcome | undefined;
  /** Has come, but not all of its notes have. */
  result: { readonly result: ThreadResult; readonly atMs: number } | undefined;
}

export function newRun(request: RunRequest, memoryMb: number, nowMs: number): Run {
  return {
    request,
    memoryMb,
    acceptedAtMs: nowMs,
    requeues: 0,
    thread: undefined,
    assignedAtMs: 0,
    takenAtMs: undefined,
    started: false,
    stop: undefined,
    stuck: false,
    fraction: 0,
    note: '',
    noted: false,
    heard: 0,
    bounds: new NoteBounds(),
    signs: 0,
    signAtMs: 0,
    leaving: undefined,
    result: undefined,
  };
}

/** A step of the wall clock ends no run. */
const time = new SteadyTime({ wallMs: () => Date.now(), monotonicMs: () => performance.now() });

export function isPastDeadline({ request: { deadlineAtMs } }: Run): boolean {
  return deadlineAtMs !== undefined && time.nowMs() >= deadlineAtMs;
}

/** What its thread is sent; bytes are a copy of their own, to be handed over and not copied again. */
export function taskOf({ request }: Run): { readonly task: RunTask; readonly transfer?: ArrayBuffer[] } {
  const { input, executionTimeoutMs, deadlineAtMs = Infinity } = request;
  const endsAtMs = Math.min(time.nowMs() + executionTimeoutMs, deadlineAtMs);
  if (input.kind === 'json') return { task: { kind: 'run', request, endsAtMs } };
  // What came in a frame is a view into the whole frame; it is kept in case the run has to be assigned again.
  const bytes = new Uint8Array(input.bytes);
  const own = { ...request, input: { kind: 'bytes', bytes } } as const;
  return { task: { kind: 'run', request: own, endsAtMs }, transfer: [bytes.buffer] };
}
