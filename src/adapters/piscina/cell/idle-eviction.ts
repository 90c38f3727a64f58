/**
 * Decides which threads of a cell serve which memory class. Pure bookkeeping, with three bounds. At most `threads` of
 * them run at once, over all classes. At most twice as many exist. Idle threads never make the cell larger than it
 * would be with all its threads in the largest class that is needed.
 */
export interface EvictableThread {
  readonly memoryMb: number;
  readonly idleSinceMs: number;
}

/** How long an idle thread outside of the default class is kept. */
const idleMaxMs = 30_000;

export interface EvictionBounds {
  readonly threads: number;
  readonly defaultMb: number;
}

/** The idle threads to end before a thread of `memoryMb` is opened, longest idle first. */
export function displacedBy<T extends EvictableThread>(
  memoryMb: number,
  all: Iterable<T>,
  idle: readonly T[],
  bounds: EvictionBounds,
): readonly T[] {
  let count = 1;
  let heapMb = memoryMb;
  let largestMb = Math.max(memoryMb, bounds.defaultMb);
  for (const thread of all) {
    count += 1;
    heapMb += thread.memoryMb;
    largestMb = Math.max(largestMb, thread.memoryMb);
  }
  const displaced: T[] = [];
  const candidates = idle.filter((thread) => thread.memoryMb !== memoryMb);
  for (const thread of candidates.sort((a, b) => a.idleSinceMs - b.idleSinceMs)) {
    if (count <= bounds.threads * 2 && heapMb <= bounds.threads * largestMb) break;
    count -= 1;
    heapMb -= thread.memoryMb;
    displaced.push(thread);
  }
  return displaced;
}

/** Idle threads outside of the default class that nobody has needed for a while. */
export function outlived<T extends EvictableThread>(
  nowMs: number,
  idle: readonly T[],
  defaultMb: number,
): readonly T[] {
  return idle.filter(({ memoryMb, idleSinceMs }) => memoryMb !== defaultMb && nowMs - idleSinceMs >= idleMaxMs);
}
