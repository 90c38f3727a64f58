/**
 * How much memory a worker pod needs:
 *
 *   process that holds the connections   256 MiB   (164 MiB at rest)
 *   each cell                            160 MiB   (a Node process with its code)
 *                                        and its threads' heaps, one of them as large as a handler may ask for
 *   on all of that                       20 %      (buffers, stacks, fragments)
 *
 * What the pod has beyond the first line is shared out to the cells as their bound (`workers.cellRssMaxMb`), so that a
 * run that takes too much ends with OUT_OF_MEMORY before the kernel ends the whole pod.
 */
const processMb = 256;
const cellMb = 160;
const headroom = 1.2;
/** Less is refused by the node. */
const leastCellRssMb = 256;

export interface WorkerMemory {
  readonly cores: number;
  readonly cells: number;
  readonly threadMemoryMb: number;
  readonly threadMemoryMaxMb?: number | undefined;
  readonly memoryMb?: number | undefined;
}

export function leastPodMemoryMb({ cores, cells, threadMemoryMb, threadMemoryMaxMb }: WorkerMemory): number {
  const threadsOfCell = Math.ceil(cores / cells);
  const heapsMb = (threadsOfCell - 1) * threadMemoryMb + (threadMemoryMaxMb ?? threadMemoryMb);
  return Math.ceil((processMb + cells * (cellMb + heapsMb)) * headroom);
}

/** Request and limit of the pod. */
export function podMemoryMb(workers: WorkerMemory): number {
  return workers.memoryMb ?? leastPodMemoryMb(workers);
}

/** The bound of one of its cells. */
export function cellRssMaxMb(workers: WorkerMemory): number {
  return Math.max(leastCellRssMb, Math.floor((podMemoryMb(workers) - processMb * headroom) / workers.cells));
}
