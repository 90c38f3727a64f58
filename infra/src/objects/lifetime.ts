/**
 * From the order to end a pod to its end:
 *
 *   preStop (gateways: 5 s)    it serves on, while Services and edges learn that it goes
 *   SIGTERM, drainSeconds      runs and calls may end (`shutdown.graceMs`)
 *   at most 15 s               what is left is stopped, reported and handed over
 *   5 s                        to spare
 */
const preStopSeconds = 5;
const handOverSeconds = 15;
const spareSeconds = 5;

export interface Lifetime {
  readonly preStopSeconds: number;
  readonly graceMs: number;
  readonly terminationGracePeriodSeconds: number;
}

/** `served`: others open connections to it by a Service. */
export function lifetimeOf(drainSeconds: number, { served }: { readonly served: boolean }): Lifetime {
  const waitSeconds = served ? preStopSeconds : 0;
  return {
    preStopSeconds: waitSeconds,
    graceMs: drainSeconds * 1_000,
    terminationGracePeriodSeconds: waitSeconds + drainSeconds + handOverSeconds + spareSeconds,
  };
}
