/**
 * The process of the peer's workers, as a service would have one. No-op jobs run in this process, and CPU jobs in
 * threads (a sandboxed processor), as its documentation advises for each.
 */
import { loadBullMq } from './bullmq-api.ts';
import { burnQueue, noopConcurrency, noopQueue } from './bullmq-session.ts';

export interface WorkerPlan {
  readonly port: number;
  readonly threads: number;
}

async function start({ port, threads }: WorkerPlan): Promise<void> {
  const { Worker } = loadBullMq();
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  // A job returns when it started, as in Troupe.
  const noop = (): Promise<number> => Promise.resolve(performance.timeOrigin + performance.now());
  const workers = [
    new Worker(noopQueue, noop, { connection, concurrency: noopConcurrency }),
    new Worker(burnQueue, new URL('./burn-processor.ts', import.meta.url), {
      connection,
      concurrency: threads,
      useWorkerThreads: true,
    }),
  ];
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  process.send?.('ready');
}

// The bench has ended.
process.once('disconnect', () => process.exit());
process.once('message', (plan) => void start(plan as WorkerPlan));
