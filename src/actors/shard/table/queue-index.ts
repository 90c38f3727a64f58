/**
 * A live job of a shard, and the index of its queue. The index says which jobs wait, by level and in the order in which
 * they became QUEUED, how many are due later or run, the size of their inputs, and how fast they come and go. Each
 * change of a job costs a few additions, never a scan.
 *
 * It uses `current` records, as decisions do. The meters belong to this ownership and start anew after a recovery.
 */
import { type SlicedWork, sortedInSlices } from '../../../domain/sliced-work.ts';
import { DurationHistogram } from '../../../domain/duration-histogram.ts';
import { assertNever } from '../../../domain/errors.ts';
import { type HandlerNeed, needOf, needText } from '../../../domain/handler-need.ts';
import type { JobOutline } from '../../../domain/job-brief.ts';
import { FailureCounts, failureEventOf } from '../../../domain/failure-counts.ts';
import type { JobRecord, JobSpec, JobState } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { defaultPriority, priorities } from '../../../domain/priority.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import type { JobProgress } from '../../../application/ports/shard-protocol.ts';
import { newTenantTally, type TenantTally } from './tenant-tally.ts';

type Standing = 'waiting' | 'later' | 'running';

/** Undefined for a job that has ended. */
export function standingOf(state: JobState): Standing | undefined {
  switch (state) {
    case 'QUEUED':
      return 'waiting';
    case 'SCHEDULED':
    case 'RETRYING':
      return 'later';
    case 'RUNNING':
    case 'CANCELLING':
      return 'running';
    case 'SUCCEEDED':
    case 'FAILED':
    case 'CANCELLED':
    case 'EXPIRED':
      return undefined;
    default:
      return assertNever(state);
  }
}

export interface JobEntry {
  current: JobRecord;
  durable: JobRecord | undefined;
  /** Events up to this number were handed to the outbox. */
  publishedSeq: number;
  /** Monotonic ms of the last heartbeat of the present run. */
  heardMs: number;
  /** Progress of the present run. */
  progress: JobProgress | undefined;
  /** The node of the present run has not begun it, for lack of keys. */
  waitsForKeys: true | undefined;
  readonly queueRef: IndexedQueue;
  /** Estimated heap of the part of the job that never changes, and of all of it. Only the table changes this. */
  readonly specBytes: number;
  bytes: number;
  /** What the job keeps in the store and beside it. Only the table changes this. */
  storedBytes: number;
  /** Whether the store has its idempotency key, or it has none. Only then its record may be dropped. */
  keyIs: 'unstored' | 'asked' | 'stored';
  /** Where its queue limiter has the job. Only the limiter changes this. `none`: the limiter does not have it. */
  standing: 'none' | 'held' | 'sent';
  /** The order of the jobs of its limiter, by when they began to wait. It keeps its place as long as it waits. */
  place: number;
  /** Number of its WORK message. Undefined: none is out, or it is used up. */
  message: number | undefined;
  /**
   * The highest position that its WORK message can have in the stream. Infinity: not looked up since the message was
   * sent.
   */
  sentThrough: number;
  /** Its WORK message is not in the shared route: it was sent or moved to the handler route, or is lost. */
  hasLeftShared: boolean;
}

/** The queue of a job, the size of its input, and its need. These are computed once, because they never change. */
export interface IndexedQueue {
  readonly index: QueueIndex;
  readonly inputBytes: number;
  readonly tally: NeedTally;
}

/** Counts of the live jobs of a queue that have the same need. */
export interface NeedTally {
  readonly need: HandlerNeed;
  live: number;
  waiting: number;
}

/** Of all levels that never had a job with its record in memory. There may be very many queues. It stays empty. */
const noJobs = new Map<JobId, JobEntry>();

export class QueueIndex {
  readonly tenant: string;
  readonly queue: string;
  /** Shared by all queues of the tenant. */
  readonly ofTenant: TenantTally;
  readonly #waiting: Map<JobId, JobEntry>[] = priorities.map(() => noJobs);
  /** QUEUED jobs by level, warm and cold. */
  readonly #waitingCounts: number[] = priorities.map(() => 0);
  /** No cold job became QUEUED before this. The limiter of the queue sets it. */
  oldestColdAtMs: () => number = () => Infinity;
  readonly #counts: Record<Standing, number> = { waiting: 0, later: 0, running: 0 };
  /** Rates of jobs that became QUEUED, of attempts that started and of jobs that ended. */
  readonly arrivals = new RateMeter();
  readonly starts = new RateMeter();
  readonly ends = new RateMeter();
  /** Rates of attempts that failed or were lost, and of jobs that ended FAILED or EXPIRED. */
  readonly failedAttempts = new RateMeter();
  readonly failedJobs = new RateMeter();
  readonly failures = new FailureCounts();
  /** `waits`: from QUEUED to the start. `runs`: from the start to the end of the attempt. */
  readonly waits = new DurationHistogram();
  readonly runs = new DurationHistogram();
  readonly #needs = new Map<string, NeedTally>();
  #openBytes = 0;
  #isInOrder = true;

  constructor(tenant: string, queue: string, ofTenant = newTenantTally()) {
    this.tenant = tenant;
    this.queue = queue;
    this.ofTenant = ofTenant;
  }

  /** QUEUED jobs with a record in memory by level, in the order in which they became QUEUED or were loaded. */
  get waiting(): readonly ReadonlyMap<JobId, JobEntry>[] {
    return this.#waiting;
  }

  /** How many jobs are QUEUED, by level. */
  get waitingCounts(): readonly number[] {
    return this.#waitingCounts;
  }

  /** How many QUEUED jobs have their record in memory. */
  get warmCount(): number {
    return this.#waiting.reduce((sum, { size }) => sum + size, 0);
  }

  /** No waiting job was loaded, so each level of `waiting` has the order in which its jobs became QUEUED. */
  get isInOrder(): boolean {
    return this.#isInOrder;
  }

  get waitingCount(): number {
    return this.#counts.waiting;
  }

  /** SCHEDULED and RETRYING. */
  get laterCount(): number {
    return this.#counts.later;
  }

  /** RUNNING and CANCELLING. */
  get runningCount(): number {
    return this.#counts.running;
  }

  /** Size of the inputs of jobs that are not running. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** Since when the oldest QUEUED job waits. For a job that its node released, since when it waits again. */
  get oldestReadyAtMs(): number | undefined {
    let oldest = this.warmCount === this.waitingCount ? Infinity : this.oldestColdAtMs();
    for (const level of this.#waiting) {
      const first = level.values().next();
      if (first.done !== true) oldest = Math.min(oldest, first.value.current.readyAtMs);
    }
    return oldest === Infinity ? undefined : oldest;
  }

  /** The needs of its live jobs. */
  get needs(): Iterable<NeedTally> {
    return this.#needs.values();
  }

  tallyOf(spec: Pick<JobSpec, 'handler' | 'handlerVersion'>): NeedTally {
    const need = needOf(spec);
    const text = needText(need);
    const known = this.#needs.get(text);
    if (known !== undefined) return known;
    const tally = { need, live: 0, waiting: 0 };
    this.#needs.set(text, tally);
    return tally;
  }

  get isIdle(): boolean {
    const { waiting, later, running } = this.#counts;
    return waiting + later + running === 0;
  }

  isCold(nowMs: number): boolean {
    const rates = [this.arrivals, this.starts, this.ends, this.failedAttempts, this.failedJobs];
    const durations = [this.waits, this.runs];
    return [...rates, ...durations, this.failures].every((meter) => meter.isCold(nowMs));
  }

  count(entry: JobEntry, record: JobRecord, by: 1 | -1): void {
    this.countOne(entry.queueRef, record, by);
    if (by === 1) this.#enter(entry, record);
    else this.cooled(record);
    if (this.#counts.waiting === 0) this.#isInOrder = true;
  }

  /** Counts a job, whether its record is in memory or not. */
  countOne({ tally, inputBytes }: IndexedQueue, { state, spec }: Pick<JobOutline, 'state' | 'spec'>, by: 1 | -1): void {
    const standing = standingOf(state);
    if (standing === undefined) return;
    this.#counts[standing] += by;
    tally.live += by;
    this.ofTenant.unfinished += by;
    if (standing === 'running') this.ofTenant.running += by;
    else this.#openBytes += by * inputBytes;
    if (standing !== 'waiting') return;
    tally.waiting += by;
    const level = spec.priority ?? defaultPriority;
    this.#waitingCounts[level] = (this.#waitingCounts[level] ?? 0) + by;
  }

  /** The record of the job was loaded. It stands behind jobs that became QUEUED later. */
  warmed(entry: JobEntry): void {
    if (entry.current.state === 'QUEUED') this.#isInOrder = false;
    this.#enter(entry, entry.current);
  }

  #enter(entry: JobEntry, { id, state, spec }: JobRecord): void {
    if (state !== 'QUEUED') return;
    const level = spec.priority ?? defaultPriority;
    if (this.#waiting[level] === noJobs) this.#waiting[level] = new Map();
    this.#waiting[level]?.set(id, entry);
  }

  /** The record of the job is no longer in memory. */
  cooled({ id, spec }: JobRecord): void {
    this.#waiting[spec.priority ?? defaultPriority]?.delete(id);
  }

  /**
   * Forgets a need that no live job has any more. Call it after a move is complete, because during a move the job is
   * counted nowhere.
   */
  settle({ tally }: IndexedQueue): void {
    if (tally.live === 0) this.#needs.delete(needText(tally.need));
  }

  /** Measures with the time of the record, which is when the change was decided. */
  measure(before: JobRecord | undefined, record: JobRecord): void {
    const nowMs = record.updatedAtMs;
    const from = before && standingOf(before.state);
    const to = standingOf(record.state);
    if (to === 'waiting') this.arrivals.add(nowMs);
    if (to === 'running' && from === 'waiting') {
      this.starts.add(nowMs);
      this.waits.observe(nowMs - record.readyAtMs, nowMs);
    }
    const run = before?.run;
    if (from === 'running' && to !== 'running' && run !== undefined) this.runs.observe(nowMs - run.startedAtMs, nowMs);
    if (to === undefined) this.ends.add(nowMs);
    this.#measureFailure(before, record);
  }

  #measureFailure(before: JobRecord | undefined, record: JobRecord): void {
    const failed = failureEventOf(before, record);
    if (failed === undefined) return;
    const nowMs = record.updatedAtMs;
    if (failed.isAttempt) this.failedAttempts.add(nowMs);
    if (failed.isJob) this.failedJobs.add(nowMs);
    this.failures.add(failed.code, record, nowMs);
  }

  /** Sorts the waiting jobs after a recovery, because the store returns records in no particular order. */
  *sort(): SlicedWork {
    for (const level of this.#waiting) {
      const byReady = (one: JobEntry, other: JobEntry): number => one.current.readyAtMs - other.current.readyAtMs;
      const inOrder = yield* sortedInSlices([...level.values()], byReady);
      level.clear();
      for (const entry of inOrder) {
        level.set(entry.current.id, entry);
        yield 1;
      }
    }
  }
}
