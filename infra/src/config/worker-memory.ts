/**
 * How much memory a worker pod needs:
 *
 *   main process (holds the connections)  256 MiB   (164 MiB at rest)
 *   each cell                             160 MiB   (a Node process with its code)
 *                                         plus the heaps of its threads, one of them as large as a handler may request
 *   headroom on the sum                   20 %      (buffers, stacks, fragmentation)
 *
 * The memory of the pod beyond the main process is divided among the cells as their limit (`workers.cellRssMaxMb`). So
 * an attempt that takes too much ends with OUT_OF_MEMORY before the kernel kills the whole pod.
 */
const processMb = 256;
const cellMb = 160;
const headroom = 1.2;
/** Nodes refuse a smaller limit. */
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

/** Memory request and limit of the pod. */
export function podMemoryMb(workers: WorkerMemory): number {
  return workers.memoryMb ?? leastPodMemoryMb(workers);
}

/** Memory limit of one cell. */
export function cellRssMaxMb(workers: WorkerMemory): number {
  return Math.max(leastCellRssMb, Math.floor((podMemoryMb(workers) - processMb * headroom) / workers.cells));
}
