/** Runs whose node has not been heard of for too long are lost: their jobs wait again, uncounted. */
import type { ShardCore } from './shard-core.ts';

export function loseSilentRuns(core: ShardCore): void {
  const silentSinceMs = core.context.clock.monotonicMs() - core.services.limits.runLostAfterMs;
  for (const entry of [...core.table.running()]) {
    const { run } = entry.current;
    if (run === undefined || entry.heardMs > silentSinceMs) continue;
    core.context.log.warn(
      { event: 'attempt.lost', jobId: entry.current.id, attempt: run.attempt, node: run.node },
      'node of a run was not heard of in time',
    );
    core.decide(entry, { kind: 'lose', token: run.token, blame: 'none' });
  }
}
