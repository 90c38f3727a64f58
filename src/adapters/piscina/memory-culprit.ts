/** Which run of a cell that is past its memory is ended for it: a pure decision. */

/** Runs that hold less than this together are not what fills the process. */
const blamedShare = 1 / 2;
/** So far past the bound somebody goes, whoever it is: memory of native code is in no heap, and in no buffer. */
const intolerableShare = 1.1;

/** The index of the last of those that hold most: runs are in order of their start. Undefined: none of them. */
export function culpritOf(
  heldBytes: readonly number[],
  { rssBytes, rssMaxBytes }: { readonly rssBytes: number; readonly rssMaxBytes: number },
): number | undefined {
  if (rssBytes <= rssMaxBytes || heldBytes.length === 0) return undefined;
  const sumBytes = heldBytes.reduce((sum, bytes) => sum + bytes, 0);
  if (sumBytes < rssBytes * blamedShare && rssBytes <= rssMaxBytes * intolerableShare) return undefined;
  return heldBytes.lastIndexOf(Math.max(...heldBytes));
}
