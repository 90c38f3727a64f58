/**
 * Memory classes: the heap sizes that threads come in. A few fixed steps, each twice the one before, plus the node's own
 * default, so that jobs of many sizes share threads. A handler's `memory` is rounded up to a class.
 */
const ladderMb = [128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536] as const;

/** Times a job may run again in a larger class: the whole ladder, no more. */
export const oomRetriesMax = ladderMb.length;

export interface MemoryBounds {
  /** Class of handlers that ask for nothing. */
  readonly defaultMb: number;
  /** Largest class of the node. */
  readonly maxMb: number;
}

/** Smallest class that holds `neededMb`, at most the largest of the node. */
export function memoryClassOf(neededMb: number | undefined, bounds: MemoryBounds): number {
  if (neededMb === undefined) return bounds.defaultMb;
  return classesOf(bounds).find((classMb) => classMb >= neededMb) ?? bounds.maxMb;
}

/** The class above, if there is one up to `upToMb`. */
export function nextMemoryClass(currentMb: number, upToMb: number, bounds: MemoryBounds): number | undefined {
  const next = classesOf(bounds).find((classMb) => classMb > currentMb);
  return next !== undefined && next <= memoryClassOf(upToMb, bounds) ? next : undefined;
}

function classesOf({ defaultMb, maxMb }: MemoryBounds): readonly number[] {
  return [...new Set([...ladderMb.filter((classMb) => classMb < maxMb), defaultMb, maxMb])].sort((a, b) => a - b);
}
