/**
 * How the runs of a cell end when the cell does: as `lost`. If the cell died by itself, a run that was alone in it is
 * convicted, and runs that may have been in a thread are suspects. A cell that its parent ended convicts nobody, unless
 * it had sent what our own code never sends.
 */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import { heldEndsMax } from '../protocol/cell-frames.ts';
import type { PoolRun } from './pool-run.ts';

/** `sent` is in the order in which the cell was given the runs. */
export function lossesOf<Run extends Pick<PoolRun, 'startedAtMs' | 'stuckOutcome'>>(
  sent: readonly Run[],
  { died, threads }: { readonly died: boolean; readonly threads: number },
): readonly { readonly run: Run; readonly outcome: RunOutcome }[] {
  const isConvicted = died && sent.length === 1;
  return sent.map((run, place) => {
    // A cell takes runs in order, except for those whose memory class has no thread yet. Its last reports, that some
    // runs have ended and others have begun, may have died with it.
    const isSuspect = died && (run.startedAtMs !== undefined || place < threads + heldEndsMax);
    const blame = isConvicted ? 'convicted' : isSuspect ? 'suspect' : 'unknown';
    return { run, outcome: run.stuckOutcome ?? { kind: 'lost', blame } };
  });
}
