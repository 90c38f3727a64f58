/** W5: CPU jobs on all cores, from the first submit until the last result is recorded. */
import { serveTask } from '../harness/task.ts';
import { EventTally } from './event-tally.ts';
import { acceptedId, benchQueue, inSession, type Target } from './session.ts';

export interface CpuJobsInput extends Target {
  readonly jobs: number;
  readonly rounds: number;
  readonly threads: number;
}

const timeoutMs = 300_000;

async function run({ jobs, rounds, threads, ...target }: CpuJobsInput): Promise<{ readonly wallMs: number }> {
  return inSession(target, async ({ client, nats }) => {
    const timed = async (count: number): Promise<number> => {
      const recorded = new EventTally({ connection: nats, queue: benchQueue, event: 'succeeded' });
      await nats.flush();
      const draft = { handler: 'bench.burn', queue: benchQueue, input: { rounds } };
      const startedMs = performance.now();
      const outcomes = await client.submitMany(Array.from({ length: count }, () => draft));
      outcomes.forEach(acceptedId);
      await recorded.reached(count, timeoutMs);
      recorded.close();
      return performance.now() - startedMs;
    };
    // As in the bare pool, every thread has compiled the code before the clock starts.
    await timed(threads * 4);
    return { wallMs: await timed(jobs) };
  });
}

serveTask(run);
