/**
 * Brings to JetStream what the store knows: a WORK message for each job that waits, when its gate lets it go, and every
 * event. What is surely there is kept as a watermark, so that a next owner says little twice.
 */
import { jobEventOf } from '../../application/job-events.ts';
import type { Watermark } from '../../application/ports/job-store.ts';
import { needOf } from '../../domain/handler-need.ts';
import type { JobRecord } from '../../domain/job.ts';
import { queuedAtMs } from '../../domain/job.ts';
import { bucketOf } from '../../domain/job-id.ts';
import { RateMeter } from '../../domain/rate-meter.ts';
import type { ActorContext } from '../kernel/index.ts';
import type { JobEntry, JobTable } from './job-table.ts';
import { Outbox } from './outbox.ts';
import type { PartitionSet } from './partition-set.ts';
import { ShardGates } from './shard-gates.ts';
import type { ShardMessage } from './shard-message.ts';
import type { ShardServices } from './shard-services.ts';
import { WatermarkKeeper, watermarkMarginMs } from './watermark-keeper.ts';

const outboxRetryMs = 500;

export interface DispatcherParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: ShardServices;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly partitions: PartitionSet;
  readonly nowMs: () => number;
  /** A bucket has nothing to publish any more. */
  readonly onIdleBucket: () => void;
}

export class Dispatcher {
  readonly gates: ShardGates;
  /** Facts that JetStream took. */
  readonly published = new RateMeter();
  readonly #parts: DispatcherParts;
  readonly #outbox: Outbox;
  readonly #watermark: WatermarkKeeper;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    const { shard, epoch, services, context, table, partitions, nowMs, onIdleBucket } = parts;
    this.#outbox = new Outbox({
      publisher: services.publisher,
      clock: context.clock,
      windowMax: services.limits.outboxWindowMax,
      retryMs: outboxRetryMs,
      onPublished: () => {
        this.published.add(nowMs());
      },
      onIdleBucket,
    });
    this.gates = new ShardGates({
      ...{ shard, epoch, services, context, table, nowMs },
      dispatch: (entry) => {
        this.#dispatch(entry);
      },
      dispatched: () => {
        this.#outbox.pump();
      },
    });
    this.#watermark = new WatermarkKeeper({
      ...{ shard, epoch, services, context, partitions },
      ...{ outbox: this.#outbox, gates: this.gates },
    });
  }

  /** Facts that JetStream does not have yet. */
  get backlog(): number {
    return this.#outbox.size;
  }

  backlogOf(bucket: number): number {
    return this.#outbox.pendingOf(bucket);
  }

  /** Earliest instant among the facts of a kind that JetStream does not have yet; Infinity when it has all. */
  oldestAtMs(kind: 'work' | 'event'): number {
    return this.#outbox.oldestAtMs(kind);
  }

  /** Events of a record found at the take-over that may not be published yet. */
  restoreEvents(record: JobRecord, watermark: Watermark | undefined): void {
    const fromMs = watermark === undefined ? 0 : watermark.eventsThroughMs - watermarkMarginMs;
    for (const entry of record.trail) {
      if (entry.atMs >= fromMs) this.#outbox.addEvent(jobEventOf(record, entry), bucketOf(record.id));
    }
  }

  /** Once all jobs of the take-over are in the table, since a gate counts what runs. What is held may be out as well. */
  restoreWork(watermark: Watermark | undefined): void {
    const known = watermark !== undefined && watermark.streams === this.#parts.services.publisher.streams();
    const fromMs = known ? watermark.dispatchedThroughMs - watermarkMarginMs : 0;
    for (const entry of this.#parts.table.entries()) {
      const { current } = entry;
      const isFree = this.gates.restored(entry) === 'free';
      if (isFree && current.state === 'QUEUED' && queuedAtMs(current) >= fromMs) this.#dispatch(entry);
    }
    this.gates.begin();
    this.#outbox.pump();
  }

  /** The record is durable: what happened since its last one is told, and if it waits now, it is dispatched. */
  durable(entry: JobEntry, record: JobRecord): void {
    for (const mark of record.trail) {
      if (mark.seq <= entry.publishedSeq) continue;
      this.#outbox.addEvent(jobEventOf(record, mark), bucketOf(record.id));
      this.#parts.services.metrics.transitions.add(1, { event: mark.type });
    }
    const newlyQueued = record.state === 'QUEUED' && record.seq > entry.publishedSeq;
    entry.publishedSeq = Math.max(entry.publishedSeq, record.seq);
    entry.durable = record;
    if (newlyQueued) this.gates.ready(entry);
  }

  /** Publishes as much as the window allows. */
  pump(): void {
    this.#watermark.active(this.#parts.nowMs());
    this.#outbox.pump();
  }

  /** JetStream was wiped: every queued job is dispatched again. A message too many is refused at its claim. */
  dispatchAll(): void {
    for (const entry of this.#parts.table.entries()) {
      if (entry.durable?.state === 'QUEUED' && !this.gates.isGated(entry)) this.#dispatch(entry);
    }
    this.gates.sendAgain();
    this.#outbox.pump();
  }

  /** A node brought the WORK message of a job that is held. */
  acknowledgeHeld(ackTo: string): void {
    this.#watermark.acknowledgeOnceSaved(ackTo);
  }

  tick(nowMs: number): void {
    this.gates.tick();
    this.#watermark.saveIfDue(nowMs);
    this.#parts.services.metrics.outbox.set(this.#outbox.size, { shard: String(this.#parts.shard) });
  }

  saveWatermark(nowMs: number): void {
    this.#watermark.save(nowMs);
  }

  stop(): void {
    this.#outbox.stop();
  }

  /** Of a job that the store knows as waiting. */
  #dispatch({ durable: record, dispatches }: JobEntry): void {
    if (record === undefined) return;
    const { tenant, queue, priority: level } = record.spec;
    const need = needOf(record.spec);
    const strand = this.#parts.services.everyNodeHas(need) ? 'main' : 'own';
    const { id: jobId, attempt } = record;
    const place = { tenant, queue, ...(level !== undefined && { level }) };
    const again = dispatches > 1 ? { again: dispatches - 1 } : {};
    const message = { ...place, ...again, jobId, attempt, generation: this.#parts.epoch, need, strand } as const;
    this.#outbox.addWork(message, queuedAtMs(record), bucketOf(jobId));
  }
}
