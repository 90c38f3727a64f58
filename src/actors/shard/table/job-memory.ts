/**
 * The heap that the shards of this process need for their jobs, by estimate. Each shard counts its own part, and the
 * sum is compared with one bound. A full memory refuses new jobs. It refuses nothing about jobs that were accepted:
 * they go on, and a shard that is recovered is loaded, whatever that takes.
 */
import type { Gauge, Telemetry } from '../../../application/ports/runtime.ts';
import { gauges } from '../../../domain/measures.ts';
import { factBytes } from './record-bytes.ts';

/** Unless stated otherwise, memory is tight from this share of the bound on, and from so many bytes on at the latest. */
const tightShare = 0.25;
const tightMaxBytes = 128 * 1_048_576;

/** Estimated heap of the live jobs of a tenant in a shard. */
type HeapOf = (tenant: string) => number;

/** What one shard counts. After `close` nothing counts any more. */
export interface ShardMemory {
  /** Whether the process has no memory for further jobs. */
  readonly isFull: boolean;
  /** Whether only the records of jobs that are near their turn stay in memory. */
  readonly isTight: boolean;
  /** Which share of the jobs near their turn should stay in memory. The more memory is in use, the fewer. */
  readonly headShare: number;
  /** Jobs that came, changed or went changed the sum by this many bytes. */
  jobs(byBytes: number): void;
  /** So many facts wait for JetStream, or may still be lost by it. */
  facts(count: number): void;
  close(): void;
}

export class JobMemory {
  readonly maxBytes: number;
  readonly #tightBytes: number;
  readonly #used: Gauge;
  readonly #open = new Map<number, { readonly memory: ShardMemory; readonly heapOf: HeapOf }>();
  #usedBytes = 0;

  /** `tightBytes`: from here on, the records of jobs that are far from their turn are dropped. */
  constructor(maxBytes: number, telemetry: Telemetry, tightBytes = Math.min(maxBytes * tightShare, tightMaxBytes)) {
    this.maxBytes = maxBytes;
    this.#tightBytes = tightBytes;
    this.#used = telemetry.gauge({
      ...gauges.shardsMemoryBytes,
      help: 'Estimated heap that the shards of this process need for jobs and for facts that JetStream may lack.',
    });
    const most = telemetry.gauge({
      ...gauges.shardsMemoryMaxBytes,
      help: 'Bound of troupe_shards_memory_bytes. Past it submits are refused with BACKLOG_FULL.',
    });
    most.set(maxBytes);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.maxBytes;
  }

  get isTight(): boolean {
    return this.#usedBytes >= this.#tightBytes;
  }

  get headShare(): number {
    return this.#usedBytes <= this.#tightBytes ? 1 : this.#tightBytes / this.#usedBytes;
  }

  /** Of the live jobs of a tenant in all shards of this process. Asks each of them, so ask when it matters. */
  bytesOf(tenant: string): number {
    let bytes = 0;
    for (const { heapOf } of this.#open.values()) bytes += heapOf(tenant);
    return bytes;
  }

  /** A shard begins with nothing. What a former owner of it in this process still counts is dropped. */
  open(shard: number, heapOf: HeapOf): ShardMemory {
    this.#open.get(shard)?.memory.close();
    let [jobsBytes, factsBytes] = [0, 0];
    let isOpen = true;
    const isFull = (): boolean => this.isFull;
    const isTight = (): boolean => this.isTight;
    const headShare = (): number => this.headShare;
    const memory: ShardMemory = {
      get isFull() {
        return isFull();
      },
      get isTight() {
        return isTight();
      },
      get headShare() {
        return headShare();
      },
      jobs: (byBytes) => {
        if (!isOpen) return;
        jobsBytes += byBytes;
        this.#usedBytes += byBytes;
      },
      facts: (count) => {
        if (!isOpen) return;
        this.#usedBytes += count * factBytes - factsBytes;
        factsBytes = count * factBytes;
        this.#used.set(this.#usedBytes);
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#usedBytes -= jobsBytes + factsBytes;
        this.#used.set(this.#usedBytes);
        if (this.#open.get(shard)?.memory === memory) this.#open.delete(shard);
      },
    };
    this.#open.set(shard, { memory, heapOf });
    return memory;
  }
}
