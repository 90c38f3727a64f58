/**
 * The jobs that a shard holds in memory: all that are not terminal, and a bounded number of recent terminal ones.
 *
 * `current` is what was decided last, and `durable` is what the store surely has. Decisions use `current`. Answers to
 * readers use `durable`, so that no crash can take back what somebody saw.
 */
import { type JobRecord, type JobState, jobStates } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import type { ShardMemory } from './job-memory.ts';
import type { JobEntry } from './queue-index.ts';
import { QueueIndexes } from './queue-indexes.ts';
import { recordBytes, specBytes } from './record-bytes.ts';
import { UnfinishedCounts } from './unfinished-counts.ts';

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
  readonly #counts = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>;
  readonly memory: ShardMemory;
  readonly #recentMax: number;

  /** `recentMax`: ended jobs that are kept at most. None is kept while the memory is full. */
  constructor(recentMax: number, memory: ShardMemory) {
    this.#recentMax = recentMax;
    this.memory = memory;
  }

  /** Jobs that are not terminal, or whose end is not durable yet. */
  get size(): number {
    return this.#live.size;
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

  add(
    record: JobRecord,
    options: { readonly durable: boolean; readonly publishedSeq: number; readonly nowMs: number },
  ): JobEntry {
    const ofSpec = specBytes(record.spec);
    const entry: JobEntry = {
      current: record,
      durable: options.durable ? record : undefined,
      publishedSeq: options.publishedSeq,
      heardMs: options.nowMs,
      progress: undefined,
      queueRef: this.queues.refOf(record),
      specBytes: ofSpec,
      bytes: 0,
      standing: 'none',
      place: 0,
      message: undefined,
      sentThrough: Infinity,
      hasLeftShared: false,
    };
    this.#live.set(record.id, entry);
    this.#counts[record.state] += 1;
    this.unfinished.add(record);
    if (options.durable) this.queues.restore(entry);
    else this.queues.enter(entry);
    this.#weigh(entry);
    this.#index(entry);
    return entry;
  }

  replace(entry: JobEntry, record: JobRecord): void {
    this.#counts[entry.current.state] -= 1;
    this.#counts[record.state] += 1;
    this.unfinished.move(entry.current, record);
    this.queues.move(entry, record);
    if (record.run?.token !== entry.current.run?.token) entry.progress = undefined;
    entry.current = record;
    this.#weigh(entry);
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
    entry.bytes = bytes;
  }

  #index(entry: JobEntry): void {
    const { state } = entry.current;
    if (state === 'RUNNING' || state === 'CANCELLING') this.#running.add(entry);
    else this.#running.delete(entry);
  }
}

/** Counts for the tree view, such as `jobs.QUEUED`. Counts of 0 are left out. */
export function jobFacts(counts: Readonly<Record<JobState, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(counts).flatMap(([state, count]) => (count === 0 ? [] : [[`jobs.${state}`, count]])),
  );
}
