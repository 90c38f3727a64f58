/**
 * The waiting jobs of W8: over 1,000 paused queues, one of which has half of them. A tenth of each is due in three days.
 * They wait while other workloads run, and a paused queue starts none of them.
 */
import { inFlight } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';
import { jobIdParts, type JobId } from '../../src/domain/job-id.ts';
import { acceptedId, inSession, payload, type Target } from './session.ts';

export interface WaitingFillInput extends Target {
  readonly jobs: number;
}

export interface WaitingFillResult {
  readonly submittedPerSecond: number;
  /** A waiting job of each shard. */
  readonly samples: readonly string[];
}

const queuesCount = 1_000;
const batch = 500;
const callers = 4;
const farMs = 3 * 86_400_000;
const creatorsCount = 16;

function queueOf(job: number): string {
  return job % 2 === 0 ? 'waiting-0' : `waiting-${1 + ((job >> 1) % (queuesCount - 1))}`;
}

async function fill({ jobs, ...target }: WaitingFillInput): Promise<WaitingFillResult> {
  return inSession(target, async ({ client }) => {
    await inFlight(queuesCount, creatorsCount, (queue) =>
      client.queues.create(`waiting-${queue}`, { flow: { paused: true } }),
    );
    const runAt = new Date(Date.now() + farMs);
    const draftOf = (job: number) => ({
      handler: 'bench.noop',
      queue: queueOf(job),
      input: payload,
      // Of each queue, because a tenth of the pairs is taken and each pair has a job of the great queue and of another.
      ...((job >> 1) % 10 === 0 && { runAt }),
    });
    const samples = new Map<number, string>();
    const startedMs = performance.now();
    await inFlight(Math.ceil(jobs / batch), callers, async (call) => {
      const count = Math.min(batch, jobs - call * batch);
      const outcomes = await client.submitMany(Array.from({ length: count }, (_, at) => draftOf(call * batch + at)));
      for (const id of outcomes.map(acceptedId)) samples.set(jobIdParts(id as JobId).shard, id);
    });
    const submittedPerSecond = (jobs * 1_000) / (performance.now() - startedMs);
    return { submittedPerSecond, samples: [...samples.values()] };
  });
}

serveTask(fill);
