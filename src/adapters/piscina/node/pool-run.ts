/** A run that the pool has accepted, from `run()` to `ended`. */
import type { RunOutcome, RunRequest } from '../../../application/ports/run-pool.ts';
import type { SecretMask } from '../../../domain/secret-mask.ts';
import type { CellVitals } from '../protocol/cell-frames.ts';
import type { RunPump } from './run-pump.ts';

/** What holds the run now: a cell, or the isolated runs. */
export interface RunHome {
  readonly pid: number | undefined;
  readonly vitals: CellVitals | undefined;
  cancel(run: PoolRun): void;
  checkpointed(run: PoolRun, number: number, saved: boolean): void;
  profile(run: PoolRun, durationMs: number): Promise<string>;
}

export interface PoolRun {
  readonly request: RunRequest;
  readonly pump: RunPump;
  home: RunHome | undefined;
  /** Monotonic. Undefined until the handler has started. */
  startedAtMs: number | undefined;
  fraction: number;
  note: string;
  /** What its texts must not have. */
  readonly mask: SecretMask;
  /** Set when the run does not end by itself: its outcome once its process is gone. */
  stuckOutcome: RunOutcome | undefined;
  /** It waited past the deadline of its job, and was asked to stop for that. */
  late: boolean;
  /** It was asked to stop. */
  withdrawn: boolean;
}

export function newPoolRun(request: RunRequest, pump: RunPump, mask: SecretMask): PoolRun {
  return {
    request,
    pump,
    home: undefined,
    startedAtMs: undefined,
    fraction: 0,
    note: '',
    mask,
    stuckOutcome: undefined,
    late: false,
    withdrawn: false,
  };
}
