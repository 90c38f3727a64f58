/** The end of W8: the system is killed with all its jobs waiting, and started again until its shards answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.ts';
import type { SystemUnderTest } from '../harness/system.ts';

/** Times since the start, in ms. */
export interface Recovery {
  readonly readyMs: number;
  /** The first of the jobs, and one of every shard. */
  readonly firstAnswerMs: number;
  readonly everyShardMs: number;
}

const pollMs = 20;
const patienceMs = 300_000;

export async function measureRecovery(
  start: () => Promise<SystemUnderTest>,
  samples: readonly string[],
): Promise<{ readonly system: SystemUnderTest; readonly recovery: Recovery }> {
  const startedMs = performance.now();
  const sinceStart = (): number => performance.now() - startedMs;
  const system = await start();
  const readyMs = sinceStart();
  const client = connect({ address: system.address });
  const answered = async (jobId: string): Promise<number> => {
    for (;;) {
      const { state } = await client.get(jobId).catch((error: unknown) => {
        if (sinceStart() > patienceMs) throw error;
        return { state: undefined };
      });
      if (state !== undefined) return sinceStart();
      await sleep(pollMs);
    }
  };
  try {
    const times = await Promise.all(samples.map(answered));
    return {
      system,
      recovery: { readyMs, firstAnswerMs: Math.min(...times), everyShardMs: Math.max(...times) },
    };
  } finally {
    client.close();
  }
}
