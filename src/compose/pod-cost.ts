/** Lets a worker node in Kubernetes publish how much work would be lost with its pod, if that is configured. */
import { createOwnPod } from '../adapters/kubernetes/own-pod.ts';
import type { RunPool } from '../application/ports/run-pool.ts';
import { keepDeletionCost } from '../application/scaling/deletion-cost-writer.ts';
import type { Config } from '../config/index.ts';
import type { ProcessRuntime } from './runtime.ts';

/** The returned function ends it. */
export function startPodCost(
  config: Pick<Config, 'kubernetes'>,
  { clock, log }: ProcessRuntime,
  work: { readonly pool: RunPool | undefined; readonly slots: number },
): () => void {
  const { podDeletionCost, podName, podNamespace: namespace, apiUrl, tokenPath, caPath } = config.kubernetes;
  const { pool, slots } = work;
  // The configuration requires both names if the cost is enabled. Checking them satisfies the types.
  if (!podDeletionCost || pool === undefined || podName === undefined || namespace === undefined)
    return () => undefined;
  return keepDeletionCost({
    pod: createOwnPod({ apiUrl, namespace, podName, tokenPath, caPath }),
    runs: () => pool.runs().length,
    slots,
    clock,
    log: log.child({ component: 'kubernetes' }),
  });
}
