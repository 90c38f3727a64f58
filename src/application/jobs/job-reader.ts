/**
 * Reads the present view of a job. Ended jobs come from the cache, others from the owner of their shard. The store
 * answers while that owner is away, when it no longer has the job in memory, or when its answer is older than what the
 * caller already knows of: after NATS lost its leases, a former owner may answer for as long as a lease lasts.
 *
 * Concurrent reads of one job are shared, but a read never joins one that began earlier: it waits for the next one. So
 * every answer is at least as new as its question, and each job has at most two reads at a time.
 */
import { TroupeError } from '../../domain/errors.ts';
import { isTerminal } from '../../domain/job.ts';
import { type JobId, jobIdParts, parseJobId } from '../../domain/job-id.ts';
import { type AskingContext, ensureMayIn, seesJobs } from '../ports/call-context.ts';
import type { JobCache } from '../ports/job-cache.ts';
import type { JobStore } from '../ports/job-store.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { JobView } from '../ports/shard-protocol.ts';

export interface JobReader {
  /**
   * Rejects with JOB_NOT_FOUND, also for a job of another tenant, or in a queue whose jobs the caller may not see; with
   * PERMISSION_MISSING if the caller lacks the permission of the method there. `knownSeq` is the number of an event that
   * was already published: the answer is at least as new as that.
   */
  read(asking: AskingContext, jobId: string, knownSeq?: number): Promise<JobView>;
}

export interface JobReaderParts {
  readonly batcher: ShardBatcher;
  readonly store: Pick<JobStore, 'findJob'>;
  readonly cache: Pick<JobCache, 'get' | 'put'>;
  readonly shardCount: number;
}

interface Flight {
  readonly running: Promise<JobView>;
  next: Promise<JobView> | undefined;
}

export function createJobReader(parts: JobReaderParts): JobReader {
  const { batcher, store, cache, shardCount } = parts;
  const flights = new Map<JobId, Flight>();

  async function fetchView(id: JobId, tenant: string): Promise<JobView> {
    try {
      return await batcher.call(jobIdParts(id).shard, 'get', { jobId: id }, { tenant });
    } catch (error) {
      if (!(error instanceof TroupeError) || !awayCodes.has(error.code)) throw error;
      return storedView(id);
    }
  }

  async function storedView(id: JobId): Promise<JobView> {
    const record = await store.findJob(id);
    if (!record) throw jobNotFound(id);
    return { record };
  }

  /** An event is published when its change is durable, and the store sees every applied commit. */
  async function viewSince(id: JobId, tenant: string, knownSeq: number): Promise<JobView> {
    const view = await shared(id, tenant);
    return view.record.seq < knownSeq ? storedView(id) : view;
  }

  /** Its turn is that of the tenant which asked first. Others may ask for the same id, and learn that there is no such job. */
  function begin(id: JobId, tenant: string): Promise<JobView> {
    const flight: Flight = { running: fetchView(id, tenant), next: undefined };
    flights.set(id, flight);
    const over = (): void => {
      if (flights.get(id) === flight) flights.delete(id);
    };
    flight.running.then(over, over);
    return flight.running;
  }

  function shared(id: JobId, tenant: string): Promise<JobView> {
    const flight = flights.get(id);
    if (!flight) return begin(id, tenant);
    const again = (): Promise<JobView> => begin(id, tenant);
    flight.next ??= flight.running.then(again, again);
    return flight.next;
  }

  async function read(asking: AskingContext, jobId: string, knownSeq = 0): Promise<JobView> {
    const id = parseJobId(jobId);
    if (!id) {
      const violations = [{ field: 'job_id', description: jobId === '' ? 'is required' : 'is not a job id' }];
      throw new TroupeError('INVALID_ARGUMENT', { violations });
    }
    if (jobIdParts(id).shard >= shardCount) throw jobNotFound(id);
    const cached = cache.get(id);
    const view = cached ? { record: cached } : await viewSince(id, asking.tenant, knownSeq);
    const { tenant, queue } = view.record.spec;
    if (tenant !== asking.tenant) throw jobNotFound(id);
    ensureMayIn(asking, queue, () => jobNotFound(id), seesJobs);
    if (!cached && isTerminal(view.record.state)) cache.put(view.record);
    return view;
  }

  return { read };
}

/**
 * With these codes the store has the answer: the owner could not answer, or the job is not in its memory. A new owner
 * holds no job that ended before its recovery, and any owner holds only the newest jobs that ended since.
 */
export const awayCodes: ReadonlySet<string> = new Set([
  'SHARD_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'BROKER_UNAVAILABLE',
  'JOB_NOT_FOUND',
]);

export function jobNotFound(jobId: string): TroupeError {
  return new TroupeError('JOB_NOT_FOUND', { metadata: { jobId } });
}
