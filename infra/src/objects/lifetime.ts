/**
 * From the deletion of a pod to its end:
 *
 *   preStop (gateways: 5 s)    the pod keeps serving while Services and edges remove it
 *   SIGTERM, drainSeconds      attempts and calls may end (`shutdown.graceMs`)
 *   at most 15 s               what is left is stopped, reported and released
 *   5 s                        reserve
 */
const preStopSeconds = 5;
const handOverSeconds = 15;
const spareSeconds = 5;

export interface Lifetime {
  readonly preStopSeconds: number;
  readonly graceMs: number;
  readonly terminationGracePeriodSeconds: number;
}

/** `served` is true if clients connect to the pod through a Service. */
export function lifetimeOf(drainSeconds: number, { served }: { readonly served: boolean }): Lifetime {
  const waitSeconds = served ? preStopSeconds : 0;
  return {
    preStopSeconds: waitSeconds,
    graceMs: drainSeconds * 1_000,
    terminationGracePeriodSeconds: waitSeconds + drainSeconds + handOverSeconds + spareSeconds,
  };
}
