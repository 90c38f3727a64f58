/** What a cell knows about one run, from the command that starts it to its end. */
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
  /** Set when the run was asked to stop: when that was, and the outcome it will have. */
  stop: { outcome: RunOutcome; readonly atMs: number } | undefined;
  stuck: boolean;
  fraction: number;
  note: string;
  noted: boolean;
  /** Number of notes received so far. */
  heard: number;
  readonly bounds: NoteBounds;
  /** Questions about its streams that have no answer yet. */
  readonly asks: Set<number>;
  /** Number of signs of life at the last check. `signAtMs` is when it last changed. */
  signs: number;
  signAtMs: number;
  /** Set when the handler has returned but left something behind: the outcome to report once the thread is gone. */
  leaving: RunOutcome | undefined;
  /** The result from the thread. It may arrive before the last notes of the run. */
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
    asks: new Set(),
    signs: 0,
    signAtMs: 0,
    leaving: undefined,
    result: undefined,
  };
}

/** A sudden step of the wall clock must not end a run. */
const time = new SteadyTime({ wallMs: () => Date.now(), monotonicMs: () => performance.now() });

export function isPastDeadline({ request: { deadlineAtMs } }: Run): boolean {
  return deadlineAtMs !== undefined && time.nowMs() >= deadlineAtMs;
}

/** The task to send to the thread. Bytes are copied here, so that they can be transferred instead of copied again. */
export function taskOf({ request }: Run): { readonly task: RunTask; readonly transfer?: ArrayBuffer[] } {
  const { input, executionTimeoutMs, deadlineAtMs = Infinity } = request;
  const endsAtMs = Math.min(time.nowMs() + executionTimeoutMs, deadlineAtMs);
  if (input.kind !== 'bytes') return { task: { kind: 'run', request, endsAtMs } };
  // The bytes are a view into the whole frame. We keep them, because the run may have to be assigned again.
  const bytes = new Uint8Array(input.bytes);
  const own = { ...request, input: { kind: 'bytes', bytes } } as const;
  return { task: { kind: 'run', request: own, endsAtMs }, transfer: [bytes.buffer] };
}
