/**
 * The pod deletion cost of a worker. When Kubernetes scales down, it removes the pods with the lowest cost first.
 * The cost moves in steps of 10, so that we do not patch the pod for every attempt that starts or ends. Pure.
 */
const steps = 10;

/** From 0 for an idle node to 100 for one with all slots taken. Any running attempt costs at least 10. */
export function deletionCost(runs: number, slots: number): number {
  const share = slots === 0 ? 0 : Math.min(1, runs / slots);
  return Math.ceil(share * steps) * (100 / steps);
}
