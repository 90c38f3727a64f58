/** The partitions a shard has open: one writer each, made when the first decision of its minute comes. */
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { bucketMs, bucketOf } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { PartitionWriter } from './partition-writer.ts';
import type { ShardMessage } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';
import { given } from '../../../domain/given.ts';

/** A partition is sealed when no clock can still want to add to it. */
const sealAfterMs = 3 * bucketMs;
/** Waits between tries while the store is away. */
const pauseMs = { first: 50, most: 2_000 } as const;

export class PartitionSet {
  readonly #shard: number;
  readonly #epoch: number;
  readonly #services: ShardServices;
  readonly #context: ActorContext<ShardMessage>;
  readonly #writers = new Map<number, PartitionWriter>();
  #isStopped = false;

  constructor(shard: number, epoch: number, services: ShardServices, context: ActorContext<ShardMessage>) {
    this.#shard = shard;
    this.#epoch = epoch;
    this.#services = services;
    this.#context = context;
  }

  /** Decisions that wait for the store. */
  get undurable(): number {
    let sum = 0;
    for (const writer of this.#writers.values()) sum += writer.backlog;
    return sum;
  }

  /** Why the store takes nothing of this shard now. */
  get trouble(): TroupeError | undefined {
    for (const { trouble } of this.#writers.values()) if (trouble !== undefined) return trouble;
    return undefined;
  }

  /** Time of the oldest decision that is not durable; Infinity when all are. */
  oldestAtMs(): number {
    let oldest = Infinity;
    for (const writer of this.#writers.values()) oldest = Math.min(oldest, writer.oldestAtMs());
    return oldest;
  }

  /** Takes a partition over that was fenced and read. */
  adopt(bucket: number, commits: number): void {
    this.#writers.set(bucket, this.#create(bucket, commits));
  }

  /** The writer of the record's partition. */
  of(record: JobRecord): PartitionWriter {
    const bucket = bucketOf(record.id);
    const present = this.#writers.get(bucket);
    if (present !== undefined) return present;
    const made = this.#create(bucket);
    this.#writers.set(bucket, made);
    return made;
  }

  at(bucket: number): PartitionWriter | undefined {
    return this.#writers.get(bucket);
  }

  /** Starts the flushes that somebody waits for; with `all` the others too. */
  flush(all: boolean): void {
    for (const [bucket, writer] of this.#writers) {
      if (all || writer.urgent) this.#flushOne(bucket, writer);
    }
  }

  /** Nothing is tried again from now on: the shard has another owner, or will be read anew. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Lets go of partitions that are over: too old to grow, and `inUse` says that nothing of them is left to do. */
  seal(nowMs: number, inUse: () => (bucket: number) => boolean): void {
    const old = [...this.#writers.keys()].filter((bucket) => (bucket + 1) * bucketMs + sealAfterMs < nowMs);
    if (old.length === 0) return;
    const isUsed = inUse();
    for (const bucket of old) {
      const writer = this.#writers.get(bucket);
      if (writer === undefined || writer.backlog > 0 || isUsed(bucket)) continue;
      this.#writers.delete(bucket);
      this.#services.store.sealBucket(writer.partition, this.#epoch).catch((error: unknown) => {
        this.#context.log.debug({ err: error, bucket }, 'bucket not sealed; the next owner reads it once more');
      });
    }
  }

  #flushOne(bucket: number, writer: PartitionWriter): void {
    const { metrics } = this.#services;
    // An embedded store writes before it returns its promise.
    const beganMs = this.#context.clock.monotonicMs();
    const flight = writer.flush();
    if (flight === undefined) return;
    const records = writer.inFlight;
    const timed = flight.then((outcome) => {
      metrics.commitSeconds.observe((this.#context.clock.monotonicMs() - beganMs) / 1_000);
      metrics.commitRecords.observe(records);
      return outcome;
    });
    this.#context.pipeToSelf(timed, (outcome) => ({ kind: 'flushed', bucket, outcome }));
  }

  #create(bucket: number, commits?: number): PartitionWriter {
    const { store, limits, write } = this.#services;
    return new PartitionWriter({
      store,
      write,
      partition: { shard: this.#shard, bucket },
      epoch: this.#epoch,
      groupMaxRecords: limits.groupMaxRecords,
      ...given({ commits }),
      pause: (tries) => this.#pause(tries),
    });
  }

  #pause(tries: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#context.clock.setTimer(Math.min(pauseMs.most, pauseMs.first * 2 ** Math.min(tries, 6)), () => {
        if (this.#isStopped) reject(new TroupeError('SHARD_UNAVAILABLE'));
        else resolve();
      });
    });
  }
}
