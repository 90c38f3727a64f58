/**
 * Keeps the deletion cost of this node's pod in step with the attempts that it runs. It checks every 10 s and sets the
 * cost only if it has changed. The cost only influences which pod is deleted first, so an error is logged once until it
 * is over, and the call is repeated.
 */
import { deletionCost } from '../../domain/deletion-cost.ts';
import type { OwnPod } from '../ports/own-pod.ts';
import type { Clock, Logger } from '../ports/runtime.ts';

export const lookEveryMs = 10_000;

export interface DeletionCostParts {
  readonly pod: OwnPod;
  /** Number of attempts that this node runs now. */
  readonly runs: () => number;
  readonly slots: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Checks at once and then periodically. The returned function ends it. */
export function keepDeletionCost({ pod, runs, slots, clock, log }: DeletionCostParts): () => void {
  let told: number | undefined;
  let failed = false;
  let stopped = false;
  let cancelTimer: () => void = () => undefined;

  async function look(): Promise<void> {
    const cost = deletionCost(runs(), slots);
    if (cost !== told) await tell(cost);
    if (!stopped) cancelTimer = clock.setTimer(lookEveryMs, () => void look());
  }

  async function tell(cost: number): Promise<void> {
    try {
      await pod.setDeletionCost(cost);
      told = cost;
      if (failed) log.info({ event: 'pod.cost.told', cost }, 'the deletion cost of the pod is updated again');
      failed = false;
    } catch (error) {
      if (!failed) {
        log.warn(
          { event: 'pod.cost.failed', err: error },
          'deletion cost of the pod not updated; it is retried without further log lines',
        );
      }
      failed = true;
    }
  }

  void look();
  return () => {
    stopped = true;
    cancelTimer();
  };
}
