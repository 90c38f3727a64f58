/** Which run of a cell that is past its memory is ended for it: a pure decision. */

/** Runs that hold less than this together are not what fills the process. */
const blamedShare = 1 / 2;
/** So far past the level somebody goes, whoever it is: memory of native code is in no heap, and in no buffer. */
const intolerableShare = 1.1;

export interface ProcessMemory {
  readonly rssBytes: number;
  readonly rssMaxBytes: number;
  /** What there still was when the last culprit was gone: it is nobody's who is left. 0: none was ended since it was full. */
  readonly leftBytes: number;
}

/** The index of the last of those that hold most: runs are in order of their start. Undefined: none of them. */
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
