/** A run the pool has accepted, from `run()` to `ended`. */
import type { RunOutcome, RunRequest } from '../../application/ports/run-pool.ts';
import type { RunCommand } from './cell-frames.ts';

export interface PoolRun {
  readonly key: number;
  readonly request: RunRequest;
  /** Monotonic; undefined until its handler has started. */
  startedAtMs: number | undefined;
  fraction: number;
  note: string;
  /** It does not end by itself: this is its outcome once its process is gone. */
  stuckOutcome: RunOutcome | undefined;
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
    ...(request.deadlineAtMs !== undefined && { deadlineAtMs: request.deadlineAtMs }),
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
  };
}
