/** The connections of a workload to the peer: a queue, and the events by which a service learns what was completed. */
import { type BullCompletion, type BullQueue, loadBullMq } from './bullmq-api.ts';

export const noopQueue = 'noop';
export const burnQueue = 'burn';

/** No-op jobs that the worker has in progress at once. Fewer than 100 make it slower; more than this make no difference. */
export const noopConcurrency = 200;

/** The same 300 bytes as the jobs of Troupe. */
export { payload } from '../../workloads/session.ts';

export interface BullSession {
  readonly queue: BullQueue;
  /** Resolves once `count` jobs were completed since the last call. Call it before the first can be. */
  completed(count: number, timeoutMs: number, onJob?: (completion: BullCompletion) => void): Promise<void>;
}

export async function inBullSession<T>(
  port: number,
  name: string,
  work: (session: BullSession) => Promise<T>,
): Promise<T> {
  const { Queue, QueueEvents } = loadBullMq();
  const connection = { host: '127.0.0.1', port };
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);

  let hear: (completion: BullCompletion) => void = () => undefined;
  let failed: string | undefined;
  events.on('completed', (completion) => {
    hear(completion);
  });
  events.on('failed', ({ jobId, failedReason }) => (failed ??= `${jobId}: ${failedReason}`));

  const completed: BullSession['completed'] = (count, timeoutMs, onJob) =>
    new Promise((resolve, reject) => {
      const seen = new Set<string>();
      const timer = setTimeout(() => {
        const failure = failed === undefined ? '' : `; one failed: ${failed}`;
        reject(new Error(`${seen.size} of ${count} jobs seen after ${timeoutMs} ms${failure}`));
      }, timeoutMs);
      hear = (completion) => {
        if (seen.has(completion.jobId)) return;
        seen.add(completion.jobId);
        onJob?.(completion);
        if (seen.size < count) return;
        clearTimeout(timer);
        resolve();
      };
    });

  try {
    return await work({ queue, completed });
  } finally {
    await Promise.all([queue.close(), events.close()]);
  }
}
