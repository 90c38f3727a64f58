/** Arrivals at a fixed rate, whatever the system does. */
import { Worker } from 'node:worker_threads';

const leadMs = 500;

export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Calls `submit(index)` when job `index` is due. Resolves once all calls have settled. */
export async function paced(
  perSecond: number,
  count: number,
  submit: (index: number, dueMs: number) => Promise<void>,
): Promise<void> {
  const startAtMs = clockMs() + leadMs;
  const pacer = new Worker(new URL('./pacer.ts', import.meta.url), { workerData: { perSecond, count, startAtMs } });
  const open: Promise<void>[] = [];
  await new Promise<void>((resolve, reject) => {
    pacer.once('error', reject);
    pacer.once('exit', () => resolve());
    pacer.on('message', (index: number) => open.push(submit(index, startAtMs + (index * 1_000) / perSecond)));
  });
  await Promise.all(open);
}
