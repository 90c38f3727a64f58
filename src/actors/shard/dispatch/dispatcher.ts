/**
 * Brings to JetStream what the store knows: a WORK message for each job that waits, when its limiter lets it go, and every
 * event. What is surely there is kept as a watermark, so that a next owner says little twice. The record wins: what
 * JetStream may have lost is told again, and whether a message is there at all is looked up, slowly and for ever.
 */
import { jobEventOf } from '../../../application/jobs/job-events.ts';
import type { WorkMessage } from '../../../application/ports/bus.ts';
import type { ClaimItem } from '../../../application/protocol/shard-protocol.ts';
import type { Watermark } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { needOf } from '../../../domain/handler-need.ts';
import { type JobRecord, queuedAtMs } from '../../../domain/job.ts';
import { bucketOf } from '../../../domain/job-id.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobEntry, JobTable } from '../table/job-table.ts';
import { Outbox } from './outbox.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ShardMessage } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';
import { WorkCheck } from './work-check.ts';
import { WatermarkStore, watermarkMarginMs } from './watermark-store.ts';

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
  readonly limiters: QueueLimiters;
  /** Facts that JetStream took. */
  readonly published = new RateMeter();
  readonly #parts: DispatcherParts;
  readonly #outbox: Outbox;
  readonly #watermark: WatermarkStore;
  readonly #check: WorkCheck;
  readonly #stopListening: readonly (() => void)[];
  #areStreamsNew = false;
  #mustReload = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    const { shard, epoch, services, context, table, partitions, nowMs, onIdleBucket } = parts;
    this.#outbox = new Outbox({
      publisher: services.publisher,
      clock: context.clock,
      windowMax: services.limits.outboxWindowMax,
      retryMs: outboxRetryMs,
      syncMs: services.limits.brokerSyncMs,
      unsyncedMax: services.limits.unsyncedMax,
      isWanted: (message) => isWanted(table.get(message.jobId), message),
      onPublished: () => {
        this.published.add(nowMs());
      },
      onIdleBucket,
    });
    this.limiters = new QueueLimiters({
      shard,
      epoch,
      services,
      context,
      table,
      nowMs,
      dispatch: (entry) => {
        this.#dispatch(entry);
      },
      dispatched: () => {
        this.#outbox.pump();
      },
    });
    this.#watermark = new WatermarkStore({
      shard,
      epoch,
      services,
      context,
      partitions,
      outbox: this.#outbox,
      limiters: this.limiters,
    });
    this.#check = new WorkCheck({
      context,
      table,
      nowMs,
      limiters: this.limiters,
      publisher: services.publisher,
      looks: services.workLooks,
      isToSend: (jobId) => this.#outbox.isToSend(jobId),
      sendAgain: (entry) => {
        this.#dispatch(entry);
      },
      sentAgain: (jobs) => {
        context.log.warn({ event: 'work.lost', shard, jobs }, 'JetStream has no message of jobs that wait; sent again');
        services.metrics.workLost.add(jobs);
        this.#outbox.pump();
      },
    });
    this.#stopListening = [
      services.publisher.onDoubt(() => {
        this.#tellAgain();
      }),
      services.publisher.onStreamsReplaced(() => {
        this.#areStreamsNew = true;
        // A full mailbox takes no message: the next tick looks as well.
        context.self.tell({ kind: 'continue', run: () => this.#sendAllAgain() });
      }),
    ];
  }

  #tellAgain(): void {
    const told = this.#outbox.tellAgain();
    if (told !== undefined) {
      this.#check.toldAgain(told);
      return;
    }
    // What is new must not go before what was lost: nothing goes any more, and the next tick starts the shard again.
    this.#mustReload = true;
    this.#outbox.stop();
  }

  /** Facts that JetStream does not have yet. */
  get backlog(): number {
    return this.#outbox.size;
  }

  /** Whether facts about jobs of this minute are not surely in JetStream. */
  owes(bucket: number): boolean {
    return this.#outbox.holds(bucket);
  }

  /** Earliest instant among the facts of a kind that JetStream does not surely have; Infinity when it has all. */
  oldestAtMs(kind: 'work' | 'event'): number {
    return this.#outbox.oldestAtMs(kind);
  }

  /** Events of a record found at the recovery that may not be published yet. */
  restoreEvents(record: JobRecord, watermark: Watermark | undefined): void {
    const fromMs = watermark === undefined ? 0 : watermark.eventsThroughMs - watermarkMarginMs;
    for (const entry of record.trail) {
      if (entry.atMs >= fromMs) this.#outbox.addEvent(jobEventOf(record, entry), bucketOf(record.id));
    }
  }

  /** Once all jobs of the recovery are in the table, since a limiter counts what runs. What is held may be out as well. */
  restoreWork(watermark: Watermark | undefined): void {
    const known = watermark !== undefined && watermark.streams === this.#parts.services.publisher.streams();
    const fromMs = known ? watermark.dispatchedThroughMs - watermarkMarginMs : 0;
    for (const entry of this.#parts.table.entries()) {
      const { current } = entry;
      const isFree = this.limiters.restored(entry) === 'free';
      if (isFree && current.state === 'QUEUED' && queuedAtMs(current) >= fromMs) this.#dispatch(entry);
    }
    this.limiters.begin();
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
    if (newlyQueued) this.limiters.ready(entry);
  }

  /** Publishes as much as the window allows. */
  pump(): void {
    this.#watermark.active(this.#parts.nowMs());
    this.#outbox.pump();
  }

  /** JetStream was wiped: every job that was sent is sent again. A message too many is refused at its claim. */
  #sendAllAgain(): void {
    if (!this.#areStreamsNew) return;
    this.#areStreamsNew = false;
    for (const entry of this.#parts.table.entries()) {
      const { durable } = entry;
      if (durable?.state !== 'QUEUED' || this.#outbox.isToSend(durable.id)) continue;
      if (this.limiters.standingOf(entry) === 'out') this.#dispatch(entry);
    }
    this.#outbox.pump();
  }

  /** Whether no later WORK message of this owner is out for the job. A node of before does not say which one it has. */
  isNewest(entry: JobEntry, { epoch, again }: Pick<ClaimItem, 'epoch' | 'again'>): boolean {
    return epoch === this.#parts.epoch && (again === undefined || isNewest(entry, again));
  }

  /** A node brought the WORK message of a job that is held. */
  acknowledgeHeld(ackTo: string): void {
    this.#watermark.acknowledgeOnceSaved(ackTo);
  }

  tick(nowMs: number): void {
    if (this.#mustReload) {
      const message = 'JetStream may have lost more than is remembered here; the shard starts again from the store';
      throw new TroupeError('BROKER_UNAVAILABLE', { message });
    }
    this.#sendAllAgain();
    this.limiters.tick();
    this.#outbox.tick();
    this.#check.tick();
    this.#watermark.saveIfDue(nowMs);
    this.#parts.services.metrics.outbox.set(this.#outbox.size, { shard: String(this.#parts.shard) });
  }

  saveWatermark(nowMs: number): void {
    this.#watermark.save(nowMs);
  }

  stop(): void {
    for (const stop of this.#stopListening) stop();
    this.#check.stop();
    this.#outbox.stop();
  }

  /** Of a job that the store knows as waiting. */
  #dispatch(entry: JobEntry): void {
    const { durable: record } = entry;
    if (record === undefined) return;
    entry.dispatches += 1;
    const { tenant, queue, priority: level } = record.spec;
    const need = needOf(record.spec);
    const route = this.#parts.services.everyNodeHas(need) ? 'shared' : 'handler';
    entry.sentThrough = Infinity;
    entry.hasLeftShared = route === 'handler';
    const { id: jobId, attempt } = record;
    const place = { tenant, queue, ...(level !== undefined && { level }) };
    const again = entry.dispatches > 1 ? { again: entry.dispatches - 1 } : {};
    const message = { ...place, ...again, jobId, attempt, epoch: this.#parts.epoch, need, route } as const;
    this.#outbox.addWork(message, queuedAtMs(record), bucketOf(jobId));
  }
}

/** A message that was sent again later has a successor, which speaks for the job. */
function isWanted(entry: JobEntry | undefined, { attempt, again = 0 }: WorkMessage): boolean {
  if (entry === undefined || !isNewest(entry, again)) return false;
  return entry.durable?.state === 'QUEUED' && entry.durable.attempt === attempt;
}

function isNewest({ dispatches }: JobEntry, again: number): boolean {
  return again === dispatches - 1;
}
