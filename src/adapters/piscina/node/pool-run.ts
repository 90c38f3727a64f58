/** A run the pool has accepted, from `run()` to `ended`. */
import type { RunOutcome, RunPayload, RunRequest } from '../../../application/ports/run-pool.ts';
import type { CellVitals, RunCommand } from '../protocol/cell-frames.ts';

/** Who has the run now. */
export interface RunHome {
  readonly pid: number | undefined;
  readonly vitals: CellVitals | undefined;
  cancel(run: PoolRun): void;
  checkpointed(run: PoolRun, number: number, saved: boolean): void;
  profile(run: PoolRun, durationMs: number): Promise<string>;
}

export interface PoolRun {
  readonly key: number;
  readonly request: RunRequest;
  home: RunHome | undefined;
  /** Monotonic; undefined until its handler has started. */
  startedAtMs: number | undefined;
  fraction: number;
  note: string;
  /** It does not end by itself: this is its outcome once its process is gone. */
  stuckOutcome: RunOutcome | undefined;
  /** It waited past the end of its job, and was told to stop for that. */
  late: boolean;
  /** It was told to stop. */
  withdrawn: boolean;
}

export function newPoolRun(key: number, request: RunRequest): PoolRun {
  return {
    key,
    request,
    home: undefined,
    startedAtMs: undefined,
    fraction: 0,
    note: '',
    stuckOutcome: undefined,
    late: false,
    withdrawn: false,
  };
}

export function commandOf({ key, request }: PoolRun): RunCommand {
  return {
    kind: 'run',
    key,
    jobId: request.jobId,
    attempt: request.attempt,
    handler: request.handler,
    input: request.input,
    executionTimeoutMs: request.executionTimeoutMs,
    ...(request.heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs: request.heartbeatTimeoutMs }),
    ...(request.deadlineAtMs !== undefined && { deadlineAtMs: request.deadlineAtMs }),
    ...(request.memoryMb !== undefined && { memoryMb: request.memoryMb }),
    ...(request.checkpoint !== undefined && { checkpoint: request.checkpoint }),
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
  };
}

/** Bytes that came in a frame are a view into it; a small payload must not keep a large frame alive. */
export function ownBytes(payload: RunPayload): RunPayload {
  return payload.kind === 'json' ? payload : { kind: 'bytes', bytes: new Uint8Array(payload.bytes) };
}

export function ownOutput(outcome: RunOutcome): RunOutcome {
  if (outcome.kind !== 'succeeded' || outcome.output === undefined) return outcome;
  return { kind: 'succeeded', output: ownBytes(outcome.output) };
}
