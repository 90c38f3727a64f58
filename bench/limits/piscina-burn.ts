/** The CPU job of W5 in a bare Piscina pool: the time these jobs take on these cores without Troupe. */
import { Piscina } from 'piscina';
import { serveTask } from '../harness/task.ts';
import { burn } from '../handlers/burn.ts';

export interface BurnInput {
  readonly jobs: number;
  readonly threads: number;
  /** Rounds of one job. 0: only find the number of rounds that takes about `jobMs`. */
  readonly rounds: number;
  readonly jobMs: number;
}

export interface BurnResult {
  readonly rounds: number;
  readonly wallMs: number;
}

/** Takes the best of several runs, because disturbances only make them longer. */
function calibrate(jobMs: number): number {
  const probe = 2_000_000;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let index = 0; index < 30; index += 1) {
    const startedMs = performance.now();
    burn({ rounds: probe });
    bestMs = Math.min(bestMs, performance.now() - startedMs);
  }
  return Math.round((probe * jobMs) / bestMs);
}

async function measure({ jobs, threads, rounds, jobMs }: BurnInput): Promise<BurnResult> {
  if (rounds === 0) return { rounds: calibrate(jobMs), wallMs: 0 };
  const filename = new URL('../handlers/burn.ts', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'burn', minThreads: threads, maxThreads: threads });
  try {
    const round = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => pool.run({ rounds })));
    // Let every thread compile the code before the clock starts, as in threads that have run such jobs before.
    await round(threads * 4);
    const startedMs = performance.now();
    await round(jobs);
    return { rounds, wallMs: performance.now() - startedMs };
  } finally {
    await pool.destroy();
  }
}

serveTask(measure);
