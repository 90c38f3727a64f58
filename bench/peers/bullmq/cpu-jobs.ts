/** W5 of the peer: CPU jobs on all cores, from the first submit until the last result is recorded. */
import { serveTask } from '../../harness/task.ts';
import { burnQueue, inBullSession } from './bullmq-session.ts';

export interface PeerCpuJobsInput {
  readonly port: number;
  readonly jobs: number;
  readonly rounds: number;
  readonly threads: number;
}

const timeoutMs = 300_000;

async function run({ port, jobs, rounds, threads }: PeerCpuJobsInput): Promise<{ readonly wallMs: number }> {
  return inBullSession(port, burnQueue, async ({ queue, completed }) => {
    const timed = async (count: number): Promise<number> => {
      const all = completed(count, timeoutMs);
      const startedMs = performance.now();
      await queue.addBulk(Array.from({ length: count }, () => ({ name: 'burn', data: { rounds } })));
      await all;
      return performance.now() - startedMs;
    };
    // Every thread has compiled the code before the clock starts, as in Troupe.
    await timed(threads * 4);
    return { wallMs: await timed(jobs) };
  });
}

serveTask(run);
