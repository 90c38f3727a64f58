/**
 * Brings to JetStream what the store knows: every event, and a WORK message for each waiting job when its limiter lets
 * it go. The watermark says which events are surely there, so that the next owner repeats few. The record in the store
 * is the truth. What JetStream may have lost is published again, and a slow check that never ends looks up whether each
 * message is there at all.
 */
import type { SlicedWork } from '../../../domain/sliced-work.ts';
import { isPublished, jobEventOf } from '../../../application/jobs/job-events.ts';
import type { ClaimItem } from '../../../application/ports/shard-protocol.ts';
import type { Watermark } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord, TrailEntry } from '../../../domain/job.ts';
import { bucketOf } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobTable } from '../table/job-table.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { Outbox } from './outbox.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import type { OutboxTask } from './unsynced.ts';
import type { LookTurn } from '../services/work-looks.ts';
import { WorkCheck } from './work-check.ts';
import type { WorkMessages } from './work-messages.ts';
import { WatermarkStore, watermarkMarginMs } from './watermark-store.ts';

export interface DispatcherParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: ShardServices;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly partitions: PartitionSet;
  readonly nowMs: () => number;
  readonly outbox: Outbox;
  readonly work: WorkMessages;
  readonly limiters: QueueLimiters;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #watermark: WatermarkStore;
  readonly #check: WorkCheck;
  readonly #stopListening: readonly (() => void)[];
  #mustReload = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    const { shard, epoch, services, context, table, partitions, nowMs, outbox, work, limiters } = parts;
    this.#watermark = new WatermarkStore({ shard, epoch, services, context, partitions, outbox, limiters });
    this.#check = new WorkCheck({
      context,
      table,
      nowMs,
      limiters,
      publisher: services.publisher,
      looks: services.workLooks,
      outbox,
      work,
      onLost: (jobs) => {
        context.log.warn({ event: 'work.lost', shard, jobs }, 'JetStream has no message of jobs that wait; sent again');
        services.metrics.workLost.add(jobs);
      },
    });
    this.#stopListening = [
      services.publisher.onDoubt(() => {
        this.#tellAgain();
      }),
      services.publisher.onStreamsReplaced(() => {
        outbox.wiped();
        // A full mailbox drops this message. The next tick handles the change anyway.
        context.self.tell({ kind: 'streams-replaced' });
      }),
    ];
  }

  #tellAgain(): void {
    const told = this.#parts.outbox.tellAgain();
    if (told !== undefined) {
      this.#check.toldAgain(told);
      return;
    }
    // New facts must not overtake lost ones. So nothing is published any more, and the next tick starts the shard
    // again.
    this.#mustReload = true;
    this.#parts.outbox.stop();
  }

  /** Facts that JetStream does not have yet. */
  get backlog(): number {
    return this.#parts.outbox.size;
  }

  /** Facts of a kind that JetStream does not have yet. */
  backlogOf(kind: OutboxTask['kind']): number {
    return this.#parts.outbox.sizeOf(kind);
  }

  /** Whether facts about jobs of this minute may be missing in JetStream. */
  owes(bucket: number): boolean {
    return this.#parts.outbox.holds(bucket);
  }

  /** Earliest instant among the facts of a kind that JetStream does not surely have. Infinity when it has all. */
  oldestAtMs(kind: OutboxTask['kind']): number {
    return this.#parts.outbox.oldestAtMs(kind);
  }

  /** Adds the events of a recovered record that may not be published yet. See `eventsMissingFromMs`. */
  restoreEvents(record: JobRecord, fromMs: number): void {
    for (const entry of record.trail) if (entry.atMs >= fromMs) this.#publish(record, entry);
  }

  /** Called when all jobs of the recovery are in the table. */
  *restoreWork(): SlicedWork {
    yield* this.#parts.limiters.begin();
    this.#parts.outbox.pump();
  }

  /** The record is durable. Publishes its new events, and dispatches the job if it waits now. */
  durable(entry: JobEntry, record: JobRecord): void {
    for (const mark of record.trail) {
      if (mark.seq <= entry.publishedSeq) continue;
      this.#publish(record, mark);
      this.#parts.services.metrics.transitions.add(1, { event: mark.type });
      this.#parts.services.spans?.durable(record, mark);
    }
    const newlyQueued = record.state === 'QUEUED' && record.seq > entry.publishedSeq;
    entry.publishedSeq = Math.max(entry.publishedSeq, record.seq);
    entry.durable = record;
    if (newlyQueued) this.#parts.limiters.ready(entry);
  }

  #publish(record: JobRecord, entry: TrailEntry): void {
    if (isPublished(record, entry)) this.#parts.outbox.addEvent(jobEventOf(record, entry), bucketOf(record.id));
  }

  /** Publishes as much as the windows allow. */
  pump(): void {
    this.#watermark.active(this.#parts.nowMs());
    this.#parts.outbox.pump();
  }

  /** Looks at the WORK stream. It is this shard's turn. */
  look(turn: LookTurn): void {
    this.#check.look(turn);
  }

  /**
   * JetStream was wiped, so every job that was dispatched is sent again. If a job gets one message too many, the claim
   * with it is refused.
   */
  sendAllAgain(): void {
    const isSentAnew = this.#parts.outbox.takeWiped();
    if (isSentAnew === undefined) return;
    for (const { jobs } of this.#parts.limiters.out()) {
      for (const entry of jobs) if (!isSentAnew(entry.current.id)) this.#parts.work.add(entry);
    }
    this.#parts.outbox.pump();
  }

  /**
   * Whether a node claims with the latest WORK message of this owner. If so, no other message of the job is out. A node
   * of an earlier version does not say which message it has, so that one is taken to be the latest.
   */
  claimsByLatestMessage({ message }: JobEntry, { epoch, again }: Pick<ClaimItem, 'epoch' | 'again'>): boolean {
    return epoch === this.#parts.epoch && (again === undefined || again === message);
  }

  tick(nowMs: number): void {
    if (this.#mustReload) {
      const message = 'JetStream may have lost more than is remembered here; the shard starts again from the store';
      throw new TroupeError('BROKER_UNAVAILABLE', { message });
    }
    this.sendAllAgain();
    this.#parts.limiters.tick();
    this.#parts.outbox.tick();
    this.#parts.table.memory.facts(this.#parts.outbox.kept);
    this.#check.tick();
    this.#watermark.saveIfDue(nowMs);
    this.#parts.services.metrics.outbox.set(this.#parts.outbox.size, { shard: String(this.#parts.shard) });
  }

  saveWatermark(nowMs: number): void {
    this.#watermark.save(nowMs);
  }

  stop(): void {
    for (const stop of this.#stopListening) stop();
    this.#check.stop();
    this.#parts.outbox.stop();
  }
}

/** JetStream has all events that happened before this. */
export function eventsMissingFromMs(watermark: Watermark | undefined): number {
  return watermark === undefined ? 0 : watermark.eventsThroughMs - watermarkMarginMs;
}

export interface OutboxParts extends Pick<DispatcherParts, 'services' | 'context' | 'table'> {
  /** Called for each fact that JetStream has confirmed. */
  readonly onPublished: () => void;
  /** Called when a bucket has nothing left to publish. */
  readonly onIdleBucket: () => void;
}

export function createOutbox(parts: OutboxParts): Outbox {
  const { services, context, table, onPublished, onIdleBucket } = parts;
  const { publisher, limits } = services;
  return new Outbox({
    publisher,
    clock: context.clock,
    random: context.random,
    windowMax: limits.outboxWindowMax,
    syncMs: limits.brokerSyncMs,
    unsyncedMax: limits.unsyncedMax,
    // A job whose message was used up, or replaced by a later one, does not wait for it any more. Nor does a job about
    // which something was decided since, even if the store does not know that yet.
    isWanted: ({ jobId, again }) => again !== undefined && table.get(jobId)?.message === again,
    onPublished,
    onIdleBucket,
  });
}
