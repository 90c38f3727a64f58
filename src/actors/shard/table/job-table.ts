/**
 * The jobs that a shard holds in memory: all that are not terminal, and a bounded number of recent terminal ones. Of a
 * cold job it holds only what `ColdJobs` keeps; its record is in the store.
 *
 * `current` is what was decided last, and `durable` is what the store surely has. Decisions use `current`. Answers to
 * readers use `durable`, so that no crash can take back what somebody saw.
 */
import { type JobRecord, type JobState, jobStates } from '../../../domain/job.ts';
import { besidesInputBytes, type JobBrief, type JobOutline } from '../../../domain/job-brief.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import { nextDeadline } from '../../../domain/deadline.ts';
import { storedBytes } from '../../../domain/stored-bytes.ts';
import { invariant } from '../../../domain/errors.ts';
import { type ColdJob, ColdJobs, type ColdState, type ColdSlot } from './cold-jobs.ts';
import type { JobMemory, ShardMemory } from './job-memory.ts';
import type { IndexedQueue, JobEntry } from './queue-index.ts';
import { QueueIndexes } from './queue-indexes.ts';
import { coldBytes, coldJobBytes, recordBytes, specBytes } from './record-bytes.ts';
import { UnfinishedCounts } from './unfinished-counts.ts';
import { given } from '../../../domain/given.ts';

export interface JobTableParts {
  readonly shard: number;
  /** Ended jobs that are kept at most. None is kept while the memory is full. */
  readonly recentMax: number;
  readonly memory: JobMemory;
}

export class JobTable {
  readonly queues = new QueueIndexes();
  readonly unfinished = new UnfinishedCounts();
  /** Counts decisions that became durable. */
  readonly landed = new RateMeter();
  /** Counts jobs whose end became durable. */
  readonly ends = new RateMeter();
  readonly #live = new Map<JobId, JobEntry>();
  readonly #recent = new Map<JobId, { readonly record: JobRecord; readonly bytes: number }>();
  readonly #running = new Set<JobEntry>();
  readonly #later = new Set<JobEntry>();
  readonly #counts = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>;
  readonly cold: ColdJobs;
  readonly memory: ShardMemory;
  readonly #recentMax: number;
  /** What the memory counts of the cold jobs, and the part of it that is not in their slots. */
  #coldBytes = 0;
  #besideSlots = 0;

  constructor({ shard, recentMax, memory }: JobTableParts) {
    this.cold = new ColdJobs(shard);
    this.#recentMax = recentMax;
    this.memory = memory.open(shard, (tenant) => this.queues.tallyOf(tenant).heapBytes);
  }

  /** Jobs that are not terminal, or whose end is not durable yet. */
  get size(): number {
    return this.#live.size + this.cold.size;
  }

  get counts(): Readonly<Record<JobState, number>> {
    return this.#counts;
  }

  get(id: JobId): JobEntry | undefined {
    return this.#live.get(id);
  }

  /** The durable record of a job that ended a short while ago. */
  recent(id: JobId): JobRecord | undefined {
    return this.#recent.get(id)?.record;
  }

  entries(): IterableIterator<JobEntry> {
    return this.#live.values();
  }

  /** Jobs in RUNNING or CANCELLING. */
  running(): ReadonlySet<JobEntry> {
    return this.#running;
  }

  /** Jobs in SCHEDULED or RETRYING with a record in memory. */
  later(): ReadonlySet<JobEntry> {
    return this.#later;
  }

  add(
    record: JobRecord,
    options: { readonly durable: boolean; readonly publishedSeq: number; readonly nowMs: number },
  ): JobEntry {
    const entry = this.#entryOf(record, options);
    this.#count(record);
    entry.queueRef.index.ofTenant.storedBytes += entry.storedBytes;
    if (options.durable) this.queues.restore(entry);
    else this.queues.enter(entry);
    this.#index(entry);
    return entry;
  }

  /** Adds a job that was found at a recovery and whose record does not stay in memory. */
  addCold(job: JobBrief): ColdSlot {
    this.#count(job);
    const queueRef = this.queues.refOfBrief(job);
    this.queues.restoreCold(queueRef, job);
    queueRef.index.ofTenant.storedBytes += storedBytes({ input: job.inputBytes, besides: job.besidesBytes });
    return this.#addCold(job, queueRef, 0);
  }

  /** Drops the record of a job that waits. The store must have it, and the job's idempotency key. */
  cool(entry: JobEntry): ColdSlot {
    const { current: record, durable, queueRef, place, bytes } = entry;
    invariant(durable === record, 'only a record that the store has may be dropped');
    this.#live.delete(record.id);
    this.#later.delete(entry);
    queueRef.index.cooled(record);
    this.memory.jobs(-bytes);
    queueRef.index.ofTenant.heapBytes -= bytes;
    return this.#addCold(record, queueRef, place);
  }

  /**
   * The record of a cold job was read from the store. Nothing else changes a record while its job is cold, so what the job
   * stores is counted already.
   */
  warm(slot: ColdSlot, record: JobRecord, nowMs: number): JobEntry {
    const place = this.cold.placeOf(slot);
    this.cold.remove(slot);
    this.#weighCold(-coldBytes(record.spec));
    const entry = this.#entryOf(record, { durable: true, publishedSeq: record.seq, nowMs });
    entry.queueRef.index.ofTenant.heapBytes -= coldJobBytes(record.spec);
    entry.place = place;
    entry.keyIs = 'stored';
    entry.queueRef.index.warmed(entry);
    this.#index(entry);
    return entry;
  }

  #addCold(record: JobOutline, { index, tally, inputBytes }: IndexedQueue, place: number): ColdSlot {
    const { id, state, spec, readyAtMs } = record;
    const { queueNo, priority, fairnessKey, concurrencyKey } = spec;
    invariant(isColdState(state), 'only a job that waits may be cold');
    const shape = { index, tally, queueNo, ...given({ priority, fairnessKey, concurrencyKey }) };
    const deadlineAtMs = nextDeadline(record)?.atMs ?? Infinity;
    const job: ColdJob = { id, shape, state, readyAtMs, deadlineAtMs, place, inputBytes };
    const slot = this.cold.add(job);
    this.#weighCold(coldBytes(spec));
    index.ofTenant.heapBytes += coldJobBytes(spec);
    return slot;
  }

  #count(record: JobOutline): void {
    this.#counts[record.state] += 1;
    this.unfinished.add(record);
  }

  #entryOf(
    record: JobRecord,
    options: { readonly durable: boolean; readonly publishedSeq: number; readonly nowMs: number },
  ): JobEntry {
    const entry: JobEntry = {
      current: record,
      durable: options.durable ? record : undefined,
      publishedSeq: options.publishedSeq,
      heardMs: options.nowMs,
      progress: undefined,
      waitsForKeys: undefined,
      queueRef: this.queues.refOf(record),
      specBytes: specBytes(record.spec),
      bytes: 0,
      storedBytes: 0,
      keyIs: record.requestKey === undefined ? 'stored' : 'unstored',
      standing: 'none',
      place: 0,
      message: undefined,
      sentThrough: Infinity,
      hasLeftShared: false,
    };
    this.#live.set(record.id, entry);
    this.#weigh(entry);
    entry.storedBytes = storedBytesOf(entry);
    return entry;
  }

  replace(entry: JobEntry, record: JobRecord): void {
    this.#counts[entry.current.state] -= 1;
    this.#counts[record.state] += 1;
    this.unfinished.move(entry.current, record);
    this.queues.move(entry, record);
    if (record.run?.token !== entry.current.run?.token) {
      entry.progress = undefined;
      entry.waitsForKeys = undefined;
    }
    entry.current = record;
    this.#weigh(entry);
    const stored = storedBytesOf(entry);
    entry.queueRef.index.ofTenant.storedBytes += stored - entry.storedBytes;
    entry.storedBytes = stored;
    this.#index(entry);
  }

  /** The end of the job is durable. The job leaves the table, and its record stays for late readers for a while. */
  retire(entry: JobEntry, record: JobRecord): void {
    this.ends.add(record.updatedAtMs);
    this.#counts[record.state] -= 1;
    this.unfinished.remove(record);
    this.#live.delete(record.id);
    this.#running.delete(entry);
    this.memory.jobs(-entry.bytes);
    const { ofTenant } = entry.queueRef.index;
    ofTenant.heapBytes -= entry.bytes;
    ofTenant.storedBytes -= entry.storedBytes;
    this.remember(record);
  }

  /** Stores the durable record of an ended job. It replaces what was known of the job. */
  remember(record: JobRecord): void {
    this.#forget(record.id);
    const bytes = recordBytes(record, specBytes(record.spec));
    this.#recent.set(record.id, { record, bytes });
    this.memory.jobs(bytes);
    for (const id of this.#recent.keys()) {
      if (this.#recent.size <= this.#recentMax && !this.memory.isFull) return;
      this.#forget(id);
    }
  }

  #forget(id: JobId): void {
    const known = this.#recent.get(id);
    if (known === undefined) return;
    this.#recent.delete(id);
    this.memory.jobs(-known.bytes);
  }

  #weigh(entry: JobEntry): void {
    const bytes = recordBytes(entry.current, entry.specBytes);
    this.memory.jobs(bytes - entry.bytes);
    entry.queueRef.index.ofTenant.heapBytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  #weighCold(besideSlot: number): void {
    this.#besideSlots += besideSlot;
    const bytes = this.cold.bytes + this.#besideSlots;
    this.memory.jobs(bytes - this.#coldBytes);
    this.#coldBytes = bytes;
  }

  #index(entry: JobEntry): void {
    const { state } = entry.current;
    if (state === 'RUNNING' || state === 'CANCELLING') this.#running.add(entry);
    else this.#running.delete(entry);
    if (isLater(entry.current)) this.#later.add(entry);
    else this.#later.delete(entry);
  }
}

function storedBytesOf({ current, queueRef }: JobEntry): number {
  return storedBytes({ input: queueRef.inputBytes, besides: besidesInputBytes(current) });
}

export function isColdState(state: JobState): state is ColdState {
  return state === 'QUEUED' || state === 'SCHEDULED' || state === 'RETRYING';
}

/** Whether the job waits for a date or its next try. */
export function isLater({ state }: JobRecord): boolean {
  return state === 'SCHEDULED' || state === 'RETRYING';
}

/** Counts for the tree view, such as `jobs.QUEUED`. Counts of 0 are left out. */
export function jobFacts(counts: Readonly<Record<JobState, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(counts).flatMap(([state, count]) => (count === 0 ? [] : [[`jobs.${state}`, count]])),
  );
}
