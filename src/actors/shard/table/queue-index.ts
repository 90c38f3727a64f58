/**
 * What a shard knows of each queue among its live jobs: which jobs wait, by level and in the order in which they became
 * QUEUED, how many are due later or run, the size of their inputs, and how fast they come and go. Only the job table
 * calls `enter`, `restore` and `move`, and so keeps this index in step. Each change of a job costs a few additions,
 * never a scan.
 *
 * It uses `current` records, as decisions do. The meters belong to this ownership and start anew after a recovery.
 */
import { DurationHistogram } from '../../../domain/duration-histogram.ts';
import { assertNever } from '../../../domain/errors.ts';
import { type HandlerNeed, needOf, needText } from '../../../domain/handler-need.ts';
import type { JobRecord, JobState, Payload } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { defaultPriority, priorities } from '../../../domain/priority.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import type { JobEntry } from './job-table.ts';

/** How many queues without live jobs are remembered for their meters. Beyond this, the oldest is forgotten. */
export const idleQueuesMax = 1_000;

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

export class QueueIndex {
  readonly tenant: string;
  readonly queue: string;
  readonly #waiting: readonly Map<JobId, JobEntry>[] = priorities.map(() => new Map<JobId, JobEntry>());
  readonly #counts: Record<Standing, number> = { waiting: 0, later: 0, running: 0 };
  /** Rates of jobs that became QUEUED, of attempts that started and of jobs that ended. */
  readonly arrivals = new RateMeter();
  readonly starts = new RateMeter();
  readonly ends = new RateMeter();
  /** `waits`: from QUEUED to the start. `runs`: from the start to the end of the attempt. */
  readonly waits = new DurationHistogram();
  readonly runs = new DurationHistogram();
  readonly #needs = new Map<string, NeedTally>();
  #openBytes = 0;

  constructor(tenant: string, queue: string) {
    this.tenant = tenant;
    this.queue = queue;
  }

  /** QUEUED jobs by level, in the order in which they became QUEUED. */
  get waiting(): readonly ReadonlyMap<JobId, JobEntry>[] {
    return this.#waiting;
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
    let oldest: number | undefined;
    for (const level of this.#waiting) {
      const first = level.values().next();
      if (first.done !== true) oldest = Math.min(oldest ?? Infinity, first.value.current.readyAtMs);
    }
    return oldest;
  }

  /** The needs of its live jobs. */
  get needs(): Iterable<NeedTally> {
    return this.#needs.values();
  }

  tallyOf(record: JobRecord): NeedTally {
    const need = needOf(record.spec);
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
    const rates = [this.arrivals, this.starts, this.ends];
    return rates.every((rate) => rate.isCold(nowMs)) && this.waits.isCold(nowMs) && this.runs.isCold(nowMs);
  }

  count(entry: JobEntry, record: JobRecord, by: 1 | -1): void {
    const standing = standingOf(record.state);
    if (standing === undefined) return;
    this.#counts[standing] += by;
    const { tally } = entry.queueRef;
    tally.live += by;
    if (standing === 'waiting') tally.waiting += by;
    if (standing !== 'running') this.#openBytes += by * entry.queueRef.inputBytes;
    if (standing !== 'waiting') return;
    const level = this.#waiting[record.spec.priority ?? defaultPriority];
    if (by === 1) level?.set(record.id, entry);
    else level?.delete(record.id);
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
  }

  /** Sorts the waiting jobs after a recovery, because the store returns records in no particular order. */
  sort(): void {
    for (const level of this.#waiting) {
      const inOrder = [...level].sort(([, one], [, other]) => one.current.readyAtMs - other.current.readyAtMs);
      level.clear();
      for (const [id, entry] of inOrder) level.set(id, entry);
    }
  }
}

export class QueueIndexes {
  readonly #byTenant = new Map<string, Map<string, QueueIndex>>();
  /** Queues without live jobs, in the order in which they became idle. */
  readonly #idle = new Set<QueueIndex>();

  get(tenant: string, queue: string): QueueIndex | undefined {
    return this.#byTenant.get(tenant)?.get(queue);
  }

  *all(): Generator<QueueIndex, void> {
    for (const ofTenant of this.#byTenant.values()) yield* ofTenant.values();
  }

  refOf(record: JobRecord): IndexedQueue {
    const { tenant, queue, input } = record.spec;
    const index = this.get(tenant, queue) ?? this.#open(tenant, queue);
    return { index, inputBytes: inputBytes(input), tally: index.tallyOf(record) };
  }

  /** Adds a job that was accepted just now. */
  enter(entry: JobEntry): void {
    entry.queueRef.index.measure(undefined, entry.current);
    this.restore(entry);
  }

  /** Adds a job that was found at a recovery. It is not measured, because nothing has happened to it now. */
  restore(entry: JobEntry): void {
    const { index } = entry.queueRef;
    index.count(entry, entry.current, 1);
    this.#idle.delete(index);
  }

  /** Moves a job from `entry.current`, which is still its former record, to `record`. */
  move(entry: JobEntry, record: JobRecord): void {
    const { index } = entry.queueRef;
    index.measure(entry.current, record);
    index.count(entry, entry.current, -1);
    index.count(entry, record, 1);
    index.settle(entry.queueRef);
    if (index.isIdle) this.#idle.add(index);
  }

  sort(): void {
    for (const index of this.all()) index.sort();
  }

  /** Forgets queues that have no live job and whose meters remember nothing. */
  sweep(nowMs: number): void {
    for (const index of this.#idle) {
      if (this.#idle.size <= idleQueuesMax && !index.isCold(nowMs)) continue;
      this.#idle.delete(index);
      const ofTenant = this.#byTenant.get(index.tenant);
      ofTenant?.delete(index.queue);
      if (ofTenant?.size === 0) this.#byTenant.delete(index.tenant);
    }
  }

  #open(tenant: string, queue: string): QueueIndex {
    const index = new QueueIndex(tenant, queue);
    const ofTenant = this.#byTenant.get(tenant) ?? new Map<string, QueueIndex>();
    if (ofTenant.size === 0) this.#byTenant.set(tenant, ofTenant);
    ofTenant.set(queue, index);
    return index;
  }
}

function inputBytes(input: Payload): number {
  switch (input.kind) {
    case 'json':
      return Buffer.byteLength(input.json);
    case 'bytes':
      return Buffer.byteLength(input.base64, 'base64');
    case 'ref':
      return input.bytes;
    case 'erased':
      return 0;
    default:
      return assertNever(input);
  }
}
