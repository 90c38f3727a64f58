/** Decides which run ends when a cell exceeds its memory bound. A pure decision. */

/** Runs that together hold less than this share of the process are not what fills it. */
const blamedShare = 1 / 2;
/**
 * So far above the level we end a run in any case. Memory of native code is in no heap and in no buffer, so we cannot
 * see whose it is.
 */
const intolerableShare = 1.1;

export interface ProcessMemory {
  readonly rssBytes: number;
  readonly rssMaxBytes: number;
  /**
   * Memory that remained when the last culprit was gone. None of the remaining runs holds it. 0 if none was ended since
   * the process became full.
   */
  readonly leftBytes: number;
}

/**
 * The index of the run that holds most. Runs are in order of their start, and of several the last is chosen. Undefined
 * if no run is to blame.
 */
export function culpritOf(
  heldBytes: readonly number[],
  { rssBytes, rssMaxBytes, leftBytes }: ProcessMemory,
): number | undefined {
  if (rssBytes <= rssMaxBytes || heldBytes.length === 0) return undefined;
  const sumBytes = heldBytes.reduce((sum, bytes) => sum + bytes, 0);
  const levelBytes = Math.max(rssMaxBytes, leftBytes);
  if (sumBytes < rssBytes * blamedShare && rssBytes <= levelBytes * intolerableShare) return undefined;
  return heldBytes.lastIndexOf(Math.max(...heldBytes));
}
