/**
 * What Kubernetes loses with the pod of a worker, compared with its fellows: of those with the lowest cost it takes one
 * first when it scales down. In steps, so that it is not told of each run. Pure.
 */
const steps = 10;

/** 0 for an idle node, 100 for one whose slots are all taken; every run counts. */
export function deletionCost(runs: number, slots: number): number {
  const share = slots === 0 ? 0 : Math.min(1, runs / slots);
  return Math.ceil(share * steps) * (100 / steps);
}
