/**
 * What JetStream has confirmed and may still lose: a server writes to its disk now and then (`sync_interval`), so a power
 * cut takes what it confirmed last. It is kept until that is over, and told again when it may have happened.
 *
 * In memory at most `tasksMax`: past it the oldest are forgotten, but for the times that hold the watermark back. Then only
 * the store can tell what may be missing.
 */
import type { JobEvent, WorkMessage } from '../../application/ports/bus.ts';

export type OutboxTask =
  | { readonly kind: 'work'; readonly message: WorkMessage; readonly atMs: number; readonly bucket: number }
  | { readonly kind: 'event'; readonly event: JobEvent; readonly atMs: number; readonly bucket: number };

/** What was confirmed within one second. */
interface Second {
  readonly beganMs: number;
  /** Undefined: forgotten. */
  tasks: OutboxTask[] | undefined;
  readonly oldestAtMs: Record<OutboxTask['kind'], number>;
  readonly buckets: Set<number>;
}

const secondMs = 1_000;

export class Unsynced {
  readonly #syncMs: number;
  readonly #tasksMax: number;
  #seconds: Second[] = [];
  #kept = 0;

  /** `syncMs`: what was confirmed is on the disk after so long; 0 is at once. */
  constructor(syncMs: number, tasksMax: number) {
    this.#syncMs = syncMs;
    this.#tasksMax = tasksMax;
  }

  /** JetStream has confirmed it. `nowMs` is monotonic. */
  keep(task: OutboxTask, nowMs: number): void {
    if (this.#syncMs === 0) return;
    let last = this.#seconds.at(-1);
    if (last === undefined || nowMs - last.beganMs >= secondMs) {
      last = { beganMs: nowMs, tasks: [], oldestAtMs: { work: Infinity, event: Infinity }, buckets: new Set() };
      this.#seconds.push(last);
    }
    last.oldestAtMs[task.kind] = Math.min(last.oldestAtMs[task.kind], task.atMs);
    last.buckets.add(task.bucket);
    if (last.tasks === undefined) return;
    last.tasks.push(task);
    this.#kept += 1;
    if (this.#kept > this.#tasksMax) this.#forgetOldest();
  }

  /** Lets go of what is surely on the disk. */
  expire(nowMs: number): void {
    const first = this.#seconds.findIndex(({ beganMs }) => nowMs - beganMs < this.#syncMs + secondMs);
    const over = this.#seconds.splice(0, first < 0 ? this.#seconds.length : first);
    for (const { tasks } of over) this.#kept -= tasks?.length ?? 0;
  }

  oldestAtMs(kind: OutboxTask['kind']): number {
    let oldest = Infinity;
    for (const second of this.#seconds) oldest = Math.min(oldest, second.oldestAtMs[kind]);
    return oldest;
  }

  /** Whether anything about jobs of this minute may still be lost. */
  holds(bucket: number): boolean {
    return this.#seconds.some(({ buckets }) => buckets.has(bucket));
  }

  /** All of it, in the order in which it was confirmed, to be told again; undefined when some was forgotten. */
  takeAll(): readonly OutboxTask[] | undefined {
    const seconds = this.#seconds;
    if (seconds.some(({ tasks }) => tasks === undefined)) return undefined;
    this.#seconds = [];
    this.#kept = 0;
    return seconds.flatMap(({ tasks }) => tasks ?? []);
  }

  #forgetOldest(): void {
    const oldest = this.#seconds.find(({ tasks }) => tasks !== undefined);
    if (oldest === undefined) return;
    this.#kept -= oldest.tasks?.length ?? 0;
    oldest.tasks = undefined;
  }
}
