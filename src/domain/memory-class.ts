/**
 * Memory classes are the heap sizes of threads. They are a few fixed steps, each twice the previous one, plus the
 * node's own default and maximum, so that jobs with different needs can share threads. A handler's `memory` is rounded
 * up to a class.
 */
const ladderMb = [128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536] as const;

/** How often a job may be repeated in a larger class: at most once per step. */
export const oomRetriesMax = ladderMb.length;

/** The range of memory classes that a node offers, in MiB. */
export interface MemoryBounds {
  /** The class of handlers that declare no memory. */
  readonly defaultMb: number;
  /** The largest class of the node. */
  readonly maxMb: number;
}

/** The smallest class with at least `neededMb`, or the node's largest if none is big enough. */
export function memoryClassOf(neededMb: number | undefined, bounds: MemoryBounds): number {
  if (neededMb === undefined) return bounds.defaultMb;
  return classesOf(bounds).find((classMb) => classMb >= neededMb) ?? bounds.maxMb;
}

/** The next larger class, unless it is above the class for `upToMb`. */
export function nextMemoryClass(currentMb: number, upToMb: number, bounds: MemoryBounds): number | undefined {
  const next = classesOf(bounds).find((classMb) => classMb > currentMb);
  return next !== undefined && next <= memoryClassOf(upToMb, bounds) ? next : undefined;
}

function classesOf({ defaultMb, maxMb }: MemoryBounds): readonly number[] {
  return [...new Set([...ladderMb.filter((classMb) => classMb < maxMb), defaultMb, maxMb])].sort((a, b) => a - b);
}
