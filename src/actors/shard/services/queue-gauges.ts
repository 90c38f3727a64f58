/**
 * Measures of the queues for this process. They are sums over the shards that it owns, so that sums over all processes
 * describe the cluster. A shard reports its part at each tick and withdraws it when it stops. At most `queuesMax`
 * queues have measures of their own; the others are left out.
 */
import type { Gauge, Telemetry } from '../../../application/ports/runtime.ts';
import { gauges } from '../../../domain/measures.ts';

export const queuesMax = 1_000;
/** The wait between two reports, at least. For each queue of each shard it is a ms: a report takes some µs for each. */
const tellEveryMs = { least: 1_000, each: 1 } as const;

/** What a shard knows of one queue. A `QueueIndex` satisfies this. */
export interface CountedQueue {
  readonly tenant: string;
  readonly queue: string;
  readonly waitingCount: number;
  readonly laterCount: number;
  readonly runningCount: number;
  readonly openBytes: number;
  readonly oldestReadyAtMs: number | undefined;
}

/** What a queue has of which nothing was added yet. */
const none = { waiting: 0, later: 0, running: 0, openBytes: 0, oldestReadyAtMs: Infinity, isThere: false };
const standings = ['waiting', 'later', 'running'] as const;

interface Sum {
  readonly labels: { readonly tenant: string; readonly queue: string };
  waiting: number;
  later: number;
  running: number;
  openBytes: number;
  oldestReadyAtMs: number;
  /** Some shard has the queue. */
  isThere: boolean;
}

export class QueueGauges {
  readonly #jobs: Gauge;
  readonly #bytes: Gauge;
  readonly #oldest: Gauge;
  readonly #byShard = new Map<number, Iterable<CountedQueue>>();
  /**
   * Queues that were reported before. If one is empty now, this has to be reported as well. Those that no shard has any more
   * make room when others need it.
   */
  readonly #sums = new Map<string, Sum>();
  #tellFromMs = -Infinity;

  constructor(telemetry: Telemetry) {
    this.#jobs = telemetry.gauge({
      ...gauges.queueJobs,
      help: 'Unfinished jobs by queue: waiting (QUEUED), later (SCHEDULED, RETRYING), running (RUNNING, CANCELLING).',
    });
    this.#bytes = telemetry.gauge({
      ...gauges.queueOpenBytes,
      help: 'Size of the inputs of the jobs of a queue that are not running.',
    });
    this.#oldest = telemetry.gauge({
      ...gauges.queueOldestWait,
      help: 'How long the oldest QUEUED job of a queue has waited. 0 if none waits.',
    });
  }

  /** `loads` are read again at each report, so they may keep changing. */
  tell(
    shard: number,
    loads: Iterable<CountedQueue>,
    now: { readonly nowMs: number; readonly monotonicMs: number },
  ): void {
    this.#byShard.set(shard, loads);
    if (now.monotonicMs < this.#tellFromMs) return;
    const told = this.#set(now.nowMs);
    this.#tellFromMs = now.monotonicMs + Math.max(tellEveryMs.least, told * tellEveryMs.each);
  }

  forget(shard: number, nowMs: number): void {
    if (this.#byShard.delete(shard)) this.#set(nowMs);
  }

  /** Returns how many loads it has read. */
  #set(nowMs: number): number {
    let read = 0;
    for (const sum of this.#sums.values()) {
      Object.assign(sum, none);
    }
    for (const loads of this.#byShard.values()) {
      for (const load of loads) {
        this.#add(load);
        read += 1;
      }
    }
    const isFull = this.#sums.size >= queuesMax;
    for (const [key, { labels, waiting, later, running, openBytes, oldestReadyAtMs, isThere }] of this.#sums) {
      if (!isThere && isFull) {
        this.#forgetQueue(key, labels);
        continue;
      }
      this.#jobs.set(waiting, { ...labels, standing: 'waiting' });
      this.#jobs.set(later, { ...labels, standing: 'later' });
      this.#jobs.set(running, { ...labels, standing: 'running' });
      this.#bytes.set(openBytes, labels);
      this.#oldest.set(oldestReadyAtMs === Infinity ? 0 : Math.max(0, nowMs - oldestReadyAtMs) / 1_000, labels);
    }
    return read;
  }

  #add(load: CountedQueue): void {
    const sum = this.#sumOf(load.tenant, load.queue);
    if (sum === undefined) return;
    sum.isThere = true;
    sum.waiting += load.waitingCount;
    sum.later += load.laterCount;
    sum.running += load.runningCount;
    sum.openBytes += load.openBytes;
    sum.oldestReadyAtMs = Math.min(sum.oldestReadyAtMs, load.oldestReadyAtMs ?? Infinity);
  }

  #forgetQueue(key: string, labels: Sum['labels']): void {
    this.#sums.delete(key);
    for (const standing of standings) this.#jobs.remove({ ...labels, standing });
    this.#bytes.remove(labels);
    this.#oldest.remove(labels);
  }

  #sumOf(tenant: string, queue: string): Sum | undefined {
    const key = `${tenant}/${queue}`;
    const known = this.#sums.get(key);
    if (known !== undefined || this.#sums.size >= queuesMax) return known;
    const sum = { labels: { tenant, queue }, ...none };
    this.#sums.set(key, sum);
    return sum;
  }
}
