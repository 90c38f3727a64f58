/** A run the pool has accepted, from `run()` to `ended`. */
import type { RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import type { CellVitals } from '../protocol/cell-frames.ts';

/** Who has the run now. */
export interface RunHome {
  readonly pid: number | undefined;
  readonly vitals: CellVitals | undefined;
  cancel(run: PoolRun): void;
  checkpointed(run: PoolRun, number: number, saved: boolean): void;
  profile(run: PoolRun, durationMs: number): Promise<string>;
}

export interface PoolRun {
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

export function newPoolRun(request: RunRequest): PoolRun {
  return {
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
