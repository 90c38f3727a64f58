/** Sizes of the workloads, the same for Troupe and its peers. */

export const openLoopPerSecond = 200;

interface Sizes {
  /** Jobs of one backlog (W1, W2, W3). */
  readonly jobs: number;
  readonly openLoopSeconds: number;
  /** Jobs of W5. */
  readonly cpuJobs: number;
  /** Runs of a workload, of which the median counts. */
  readonly rounds: number;
}

/** `quick`: a tenth, and one run. */
export function sizesOf(quick: boolean): Sizes {
  return quick
    ? { jobs: 1_000, openLoopSeconds: 2, cpuJobs: 40, rounds: 1 }
    : { jobs: 10_000, openLoopSeconds: 20, cpuJobs: 400, rounds: 3 };
}
