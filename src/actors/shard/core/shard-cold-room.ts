/**
 * Drops and loads the records of cold jobs. A cold job waits, and its record is only in the store. Nothing is decided
 * about it from the few bytes that stay in memory: its record is read first, and then it is warm.
 *
 * A record may be dropped when the store has the newest one, no WORK message is out for it, and the store has its
 * idempotency key. Otherwise a repeated submit would find the key nowhere.
 */
import { TroupeError } from '../../../domain/errors.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { nextDeadline } from '../../../domain/deadline.ts';
import type { ActorContext } from '../../../kernel/actor.ts';
import type { DueJobs } from '../deadlines/due-jobs.ts';
import type { ColdRoom } from '../flow/cold-room.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ShardKeys } from '../keys/shard-keys.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import type { ColdShape, ColdTail, ColdSlot } from '../table/cold-jobs.ts';
import { isColdState, isLater, type JobTable } from '../table/job-table.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { ColdLoader } from './cold-loader.ts';

/** A job that is due later than this may become cold. Loading it again would not be worth it. */
const farMs = 10_000;
/** How many jobs are looked at in one message. It takes a few ms. */
const sweepMax = 500;
/** How many jobs may be loaded because callers want something of them. Further callers are refused. */
const askedMax = 1_000;

export interface ShardColdRoomParts {
  readonly shard: number;
  readonly epoch: number;
  readonly context: ActorContext<ShardMessage>;
  readonly services: Pick<ShardServices, 'store' | 'limits'>;
  readonly table: JobTable;
  readonly keys: Pick<ShardKeys, 'storeEarly'>;
  readonly due: () => Pick<DueJobs, 'watch' | 'forget' | 'coldCame'>;
  readonly limiters: () => Pick<QueueLimiters, 'leavesCold' | 'warmed'>;
  readonly nowMs: () => number;
  /** Called after decisions about jobs that were loaded, so that they are written. */
  readonly decided: () => void;
}

export class ShardColdRoom implements ColdRoom {
  readonly #parts: ShardColdRoomParts;
  readonly #loader: ColdLoader;
  #asked = 0;
  /** Keys on their way to the store, so that the records of their jobs may be dropped. */
  #keysAsked = 0;
  /** A look through the jobs is under way. */
  #isSweeping = false;

  constructor(parts: ShardColdRoomParts) {
    this.#parts = parts;
    const { shard, epoch, context, table, services } = parts;
    const { store } = services;
    const warm = (slot: ColdSlot, record: JobRecord): JobEntry => {
      parts.limiters().leavesCold(slot);
      return table.warm(slot, record, context.clock.monotonicMs());
    };
    this.#loader = new ColdLoader({ shard, epoch, context, store, table: { cold: table.cold, warm } });
  }

  get isTight(): boolean {
    return this.#parts.table.memory.isTight;
  }

  get headShare(): number {
    return this.#parts.table.memory.headShare;
  }

  newTail(): ColdTail {
    return this.#parts.table.cold.newTail();
  }

  shapeOf(slot: ColdSlot): ColdShape {
    return this.#parts.table.cold.shapeOf(slot);
  }

  readyAtMs(slot: ColdSlot): number {
    return this.#parts.table.cold.readyAtMs(slot);
  }

  cool(entry: JobEntry): ColdSlot | undefined {
    if (!this.#mayCool(entry)) return undefined;
    const { table, due } = this.#parts;
    due().forget(entry.current.id);
    const slot = table.cool(entry);
    due().coldCame();
    return slot;
  }

  /** Loads jobs that are going to have their turn. */
  load(slots: readonly ColdSlot[], then: (entries: readonly JobEntry[]) => void): void {
    this.#loader.load(slots, (entries) => {
      for (const { current } of entries) this.#parts.due().watch(current);
      then(entries);
    });
  }

  /** Loads jobs whose deadlines have come. The caller decides about each at once, or watches it again. */
  loadDue(slots: readonly ColdSlot[], then: (entries: readonly JobEntry[]) => void): void {
    this.#loader.load(slots, (entries) => {
      for (const entry of entries) this.#parts.limiters().warmed(entry);
      then(entries);
      this.#parts.decided();
    });
  }

  /**
   * Loads one job, because a caller wants something of it. False if the job is not cold; then nothing is called back.
   * When it calls back, the job is warm or has ended. Throws OVERLOADED if too many are on their way.
   */
  loadOne(jobId: JobId, then: () => void): boolean {
    const { table, due, limiters, decided } = this.#parts;
    const slot = table.get(jobId) === undefined ? table.cold.find(jobId) : undefined;
    if (slot === undefined) return false;
    if (this.#asked >= askedMax) throw new TroupeError('OVERLOADED', { retryAfterMs: 500 });
    this.#asked += 1;
    this.#loader.load([slot], (entries) => {
      this.#asked -= 1;
      for (const entry of entries) {
        due().watch(entry.current);
        limiters().warmed(entry);
      }
      then();
      decided();
    });
    return true;
  }

  /** What was decided about a job is durable. A job that is due much later needs no record until then. */
  durable(entry: JobEntry): void {
    if (this.isTight && this.#isFar(entry.current)) this.cool(entry);
  }

  /**
   * Looks through the jobs that wait for a date, some in each message: they became warm before memory was tight, or the
   * store lacked something of them. The limiters look through those that wait for their turn.
   */
  tick(): void {
    if (!this.isTight || this.#isSweeping || this.#parts.table.later().size === 0) return;
    this.#isSweeping = true;
    this.#sweep(this.#parts.table.later().values());
  }

  #sweep(entries: Iterator<JobEntry>): void {
    for (let left = sweepMax; left > 0; left -= 1) {
      const next = entries.next();
      if (next.done === true || !this.isTight) {
        this.#isSweeping = false;
        return;
      }
      if (this.#isFar(next.value.current)) this.cool(next.value);
    }
    whenAnswered(this.#parts.context, 'store', Promise.resolve(), () => this.#sweep(entries));
  }

  stop(): void {
    this.#loader.stop();
  }

  #isFar(record: JobRecord): boolean {
    return isLater(record) && (nextDeadline(record)?.atMs ?? Infinity) > this.#parts.nowMs() + farMs;
  }

  #mayCool(entry: JobEntry): boolean {
    const { current, durable, message } = entry;
    if (durable !== current || message !== undefined || !isColdState(current.state)) return false;
    if (entry.keyIs === 'unstored') this.#storeKey(entry);
    return entry.keyIs === 'stored';
  }

  /**
   * Keys that wait for the store keep submits from being accepted. So only some are on their way: the other jobs stay
   * warm until they are looked at again.
   */
  #storeKey(entry: JobEntry): void {
    const { keys, services } = this.#parts;
    if (2 * this.#keysAsked >= services.limits.undurableMax) return;
    entry.keyIs = 'asked';
    this.#keysAsked += 1;
    keys.storeEarly(entry.current, () => {
      this.#keysAsked -= 1;
      entry.keyIs = 'stored';
    });
  }
}
