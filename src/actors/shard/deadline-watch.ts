/** One timer for all deadlines of a shard: set to the earliest, never further than a timer can be wide. */
import type { JobRecord } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { nextDeadline } from '../../domain/transitions.ts';
import type { ActorContext } from '../kernel/index.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import type { ShardMessage } from './shard-message.ts';

/** A far deadline is armed again when this is over. */
const timerMaxMs = 3_600_000;

export class DeadlineWatch {
  readonly #heap = new DeadlineHeap();
  readonly #context: ActorContext<ShardMessage>;
  readonly #nowMs: () => number;
  #armedAtMs = Infinity;

  constructor(context: ActorContext<ShardMessage>, nowMs: () => number) {
    this.#context = context;
    this.#nowMs = nowMs;
  }

  /** The record is the newest of its job; deadlines of older ones are found out to be over when they come. */
  watch(record: JobRecord): void {
    const deadline = nextDeadline(record);
    if (deadline === undefined) return;
    this.#heap.push(deadline.atMs, record.id);
    this.#arm();
  }

  /** Calls back for each job whose deadline may have come. */
  due(nowMs: number, each: (jobId: JobId) => void): void {
    for (let id = this.#heap.popDue(nowMs); id !== undefined; id = this.#heap.popDue(nowMs)) each(id);
    this.#armedAtMs = Infinity;
    this.#arm();
  }

  #arm(): void {
    const atMs = this.#heap.nextAtMs;
    if (atMs === undefined || atMs >= this.#armedAtMs) return;
    this.#armedAtMs = atMs;
    const delayMs = Math.min(Math.max(0, atMs - this.#nowMs()), timerMaxMs);
    this.#context.setTimer('deadline', delayMs, { kind: 'deadline' });
  }
}
