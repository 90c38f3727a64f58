/** The jobs that a recovery finds waiting, warm and cold ones, and their order. */
import type { JobId } from '../../../domain/job-id.ts';
import type { SlicedWork } from '../../../domain/sliced-work.ts';
import type { ColdJobs, ColdSlot } from '../table/cold-jobs.ts';
import type { QueueIndex } from '../table/queue-index.ts';
import { isCold, type WaitingJob } from './placed-jobs.ts';

/** Orders jobs of a queue by when they became ready, and those of one instant by their ids. */
export function byReady(cold: ColdJobs): (one: WaitingJob, other: WaitingJob) => number {
  const readyAtMs = (job: WaitingJob): number => (isCold(job) ? cold.readyAtMs(job) : job.current.readyAtMs);
  const idOf = (job: WaitingJob): JobId => (isCold(job) ? cold.idOf(job) : job.current.id);
  return (one, other) => {
    if (isCold(one) && isCold(other)) return cold.compareReady(one, other);
    const byTime = readyAtMs(one) - readyAtMs(other);
    if (byTime !== 0 || one === other) return byTime;
    return idOf(one) < idOf(other) ? -1 : 1;
  };
}

/** The cold jobs that wait, by queue. */
export function* coldQueues(cold: ColdJobs): SlicedWork<ReadonlyMap<QueueIndex, readonly ColdSlot[]>> {
  const byQueue = new Map<QueueIndex, ColdSlot[]>();
  for (const slot of cold.slots()) {
    yield 1;
    if (cold.stateOf(slot) !== 'QUEUED') continue;
    const { index } = cold.shapeOf(slot);
    const ofQueue = byQueue.get(index) ?? [];
    if (ofQueue.length === 0) byQueue.set(index, ofQueue);
    ofQueue.push(slot);
  }
  return byQueue;
}
