/** The open partitions of a shard. Each has one writer, which is created with the first decision for its minute. */
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { InRounds } from '../../../domain/in-rounds.ts';
import { bucketMs, bucketOf } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { PartitionWriter } from './partition-writer.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import { given } from '../../../domain/given.ts';

/** A partition is sealed only when no clock can be so far behind that it still adds to it. */
const sealAfterMs = 3 * bucketMs;
/** Partitions that one tick looks at. There may be ten thousand. */
const looksMax = 1_000;
/** The wait between tries while the store is unavailable. */
const pauseMs = { first: 50, most: 2_000 } as const;

export class PartitionSet {
  readonly #shard: number;
  readonly #epoch: number;
  readonly #services: ShardServices;
  readonly #context: ActorContext<ShardMessage>;
  readonly #writers = new Map<number, PartitionWriter>();
  readonly #toSeal = new InRounds(this.#writers);
  readonly #toTell = new InRounds(this.#writers);
  /**
   * The writers that have undurable decisions, and some that had. There may be ten thousand others, and each submit
   * asks.
   */
  readonly #busy = new Map<number, PartitionWriter>();
  #isStopped = false;

  constructor(shard: number, epoch: number, services: ShardServices, context: ActorContext<ShardMessage>) {
    this.#shard = shard;
    this.#epoch = epoch;
    this.#services = services;
    this.#context = context;
  }

  /** Decisions that the store does not have yet. */
  get undurable(): number {
    let sum = 0;
    for (const [, writer] of this.#undurable()) sum += writer.backlog;
    return sum;
  }

  /** Why the store accepts no commits of this shard at present. */
  get trouble(): TroupeError | undefined {
    for (const [, { trouble }] of this.#undurable()) if (trouble !== undefined) return trouble;
    return undefined;
  }

  /** Time of the oldest decision that is not durable. Infinity when all are durable. */
  oldestAtMs(): number {
    let oldest = Infinity;
    for (const [, writer] of this.#undurable()) oldest = Math.min(oldest, writer.oldestAtMs());
    return oldest;
  }

  /** Some of the open partitions of which everything decided is durable, in rounds. */
  *someSettled(): Generator<{ readonly bucket: number; readonly commits: number }, void> {
    for (const [bucket] of this.#toTell.next(looksMax)) {
      const commits = this.settledCommits(bucket);
      if (commits !== undefined) yield { bucket, commits };
    }
  }

  /** The number of commits of an open partition of which everything decided is durable. */
  settledCommits(bucket: number): number | undefined {
    const writer = this.#writers.get(bucket);
    return writer?.backlog === 0 ? writer.commits : undefined;
  }

  /** Adopts a partition that was fenced and read at the recovery. */
  adopt(bucket: number, commits: number): void {
    this.#writers.set(bucket, this.#create(bucket, commits));
  }

  /** The writer of the record's partition. Decisions are added to it at once. */
  of(record: JobRecord): PartitionWriter {
    const bucket = bucketOf(record.id);
    const writer = this.#writers.get(bucket) ?? this.#create(bucket);
    this.#writers.set(bucket, writer);
    this.#busy.set(bucket, writer);
    return writer;
  }

  at(bucket: number): PartitionWriter | undefined {
    return this.#writers.get(bucket);
  }

  /** Starts the flushes that somebody waits for. With `all` it starts the others too. */
  flush(all: boolean): void {
    for (const [bucket, writer] of this.#undurable()) {
      if (all || writer.urgent) this.#flushOne(bucket, writer);
    }
  }

  /** Stops all retries, because the shard has another owner or will be read anew. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Seals partitions that are too old to grow and that are not in use any more. Looks at some of them, in rounds. */
  seal(nowMs: number, isUsed: (bucket: number) => boolean): void {
    for (const [bucket, writer] of this.#toSeal.next(looksMax)) {
      if ((bucket + 1) * bucketMs + sealAfterMs >= nowMs || writer.backlog > 0 || isUsed(bucket)) continue;
      this.#writers.delete(bucket);
      this.#services.store.sealBucket(writer.partition, this.#epoch).catch((error: unknown) => {
        this.#context.log.debug({ err: error, bucket }, 'bucket not sealed; the next owner reads it once more');
      });
    }
  }

  *#undurable(): Generator<readonly [bucket: number, writer: PartitionWriter], void> {
    for (const [bucket, writer] of this.#busy) {
      if (writer.backlog > 0) yield [bucket, writer];
      else this.#busy.delete(bucket);
    }
  }

  #flushOne(bucket: number, writer: PartitionWriter): void {
    const { metrics } = this.#services;
    // Take the time before the flush, because an embedded store writes before it returns its promise.
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
