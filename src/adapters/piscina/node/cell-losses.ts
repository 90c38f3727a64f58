/**
 * How the runs of a cell end when the cell does: `lost`. If it died of itself, a run that was alone in it is convicted, and
 * those that may have been in a thread are suspects. A cell that its parent ended convicts
 * nobody, unless it said what no code of ours says.
 */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import { heldEndsMax } from '../protocol/cell-frames.ts';
import type { PoolRun } from './pool-run.ts';

/** `sent` in the order in which the cell was given them. */
export function lossesOf(
  sent: readonly PoolRun[],
  { died, threads }: { readonly died: boolean; readonly threads: number },
): readonly { readonly run: PoolRun; readonly outcome: RunOutcome }[] {
  const isConvicted = died && sent.length === 1;
  return sent.map((run, place) => {
    // A cell takes runs in order, but for those whose memory class has no thread yet; and its word that some have ended and
    // others begun may have died with it.
    const isSuspect = died && (run.startedAtMs !== undefined || place < threads + heldEndsMax);
    const blame = isConvicted ? 'convicted' : isSuspect ? 'suspect' : 'unknown';
    return { run, outcome: run.stuckOutcome ?? { kind: 'lost', blame } };
  });
}
