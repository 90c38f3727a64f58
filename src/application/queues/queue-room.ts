/**
 * Keeps queues within `maxDepth` and `maxBytes`. This gateway counts exactly what it admitted, and takes from
 * statistics what others admitted. Statistics up to `statsMaxAgeMs` old suffice to admit a job. Only statistics up to
 * `refusalMaxAgeMs` old may refuse it, so that a queue that drains quickly is not closed for a second by an outdated
 * picture.
 *
 * A limit may therefore be exceeded by what other gateways admit while an answer is made and used (2 s), each of them
 * no more than the room that it saw. With a single gateway the limit is never exceeded.
 *
 * A job that this gateway had admitted when the shards were asked is in their answer, and is not counted again. A submit
 * that was under way between question and answer may be in the answer or not, so it is counted too: at worst twice,
 * because counting it not at all would exceed the limit.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Queue } from '../../domain/queue.ts';
import { type FullQueue, fullQueue } from '../../domain/queue-room.ts';
import { depthOf } from '../../domain/queue-stats.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import { drainPerSecond } from '../../domain/start-estimate.ts';
import type { Clock, Random } from '../ports/runtime.ts';
import { AdmittedByName, type AdmittedJobs, refusalMaxAgeMs } from '../protocol/admitted-jobs.ts';
import type { ClusterQueueStats, QueueStatsReader } from './queue-stats.ts';

const queuesMax = 1_000;

export interface QueueRoom {
  /**
   * Rejects with QUEUE_FULL, or with PAYLOAD_TOO_LARGE if the job can never fit. Call the result when the submit is
   * over.
   */
  enter(queue: Queue, bytes: number): Promise<() => void>;
}

export interface QueueRoomParts {
  readonly stats: QueueStatsReader;
  readonly clock: Clock;
  readonly random: Random;
}

export function createQueueRoom({ stats, clock, random }: QueueRoomParts): QueueRoom {
  const admitted = new AdmittedByName(queuesMax, clock);
  const entriesOf = ({ tenant, name }: Queue): AdmittedJobs => admitted.of(`${tenant}/${name}`);

  return {
    async enter(queue, bytes) {
      const { tenant, name, settings } = queue;
      if (settings.maxDepth === undefined && settings.maxBytes === undefined) return () => undefined;
      if (bytes > (settings.maxBytes ?? Infinity)) throw neverFits(name, bytes, settings.maxBytes ?? 0);
      const look = (answer: ClusterQueueStats): FullQueue | undefined => {
        const own = entriesOf(queue).unseenBy(answer.ask);
        const load = { jobs: depthOf(answer.stats) + own.jobs, bytes: answer.stats.openBytes + own.bytes };
        return fullQueue(load, bytes, settings);
      };
      // No await between the last look and `begin`, because nobody else may enter in between.
      if (look(await stats.read(tenant, name)) !== undefined) {
        const answer = await stats.read(tenant, name, refusalMaxAgeMs);
        const full = look(answer);
        if (full !== undefined) throw queueFull(name, full, drainPerSecond(answer.stats), random());
      }
      // Taken now, because entries that nobody had begun to use may have been dropped meanwhile.
      const mine = entriesOf(queue);
      mine.begin(bytes);
      return () => {
        mine.end(bytes, stats.lastAsk(tenant, name), clock.monotonicMs());
      };
    },
  };
}

function queueFull(queue: string, full: FullQueue, perSecond: number, random: number): TroupeError {
  const { limit, max, held, excessJobs } = full;
  const what = limit === 'max_depth' ? 'unfinished jobs that do not run' : 'bytes of inputs of jobs that do not run';
  return new TroupeError('QUEUE_FULL', {
    message: `queue ${queue} has ${held} ${what}; its ${limit} is ${max}`,
    metadata: { queue, limit, max: String(max), held: String(held) },
    retryAfterMs: retryAfterMs({ excess: excessJobs, perSecond, random }),
  });
}

function neverFits(queue: string, bytes: number, maxBytes: number): TroupeError {
  const description = `has ${bytes} bytes, and the max_bytes of queue ${queue} is ${maxBytes}`;
  return new TroupeError('PAYLOAD_TOO_LARGE', {
    metadata: { payloadBytes: String(bytes), payloadMaxBytes: String(maxBytes), queue },
    violations: [{ field: 'job.input', description }],
  });
}
