/**
 * Measures Piscina alone, in one process: no-op tasks on all cores, enough of them in flight that no thread waits for
 * work.
 */
import { Piscina } from 'piscina';
import { inFlight, ratesOf, type Sample } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';

export interface DispatchInput {
  readonly tasks: number;
  readonly threads: number;
  readonly runs: number;
}

const tasksPerThread = 32;

async function measure({ tasks, threads, runs }: DispatchInput): Promise<{ readonly tasks: Sample }> {
  const filename = new URL('./no-op-task.ts', import.meta.url).href;
  const pool = new Piscina({ filename, minThreads: threads, maxThreads: threads });
  try {
    return { tasks: await ratesOf(runs, tasks, () => inFlight(tasks, threads * tasksPerThread, () => pool.run(null))) };
  } finally {
    await pool.destroy();
  }
}

serveTask(measure);
