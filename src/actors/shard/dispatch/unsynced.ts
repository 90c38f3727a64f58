/**
 * What JetStream has confirmed and may still lose. A server syncs its disk at intervals (`sync_interval`), so a power
 * cut loses what it confirmed last. Confirmed messages are remembered until they are on disk, and are published again
 * when a power cut may have happened.
 *
 * At most `tasksMax` tasks are remembered. Beyond that, the oldest are forgotten, except for their times, which hold
 * the watermark back; then only the store can tell what may be missing. Tasks are grouped into spans of a second. Spans
 * do not expire while the server is not heard of. If there are too many, the oldest two are merged, and the merged span
 * expires with the later one.
 */
import type { JobEvent, WorkMessage } from '../../../application/ports/bus.ts';

export type OutboxTask =
  | { readonly kind: 'work'; readonly message: WorkMessage; readonly atMs: number; readonly bucket: number }
  | { readonly kind: 'event'; readonly event: JobEvent; readonly atMs: number; readonly bucket: number };

/** What was confirmed within one second, or within several seconds that were merged. */
interface Span {
  /** The beginning of the last of its seconds. */
  readonly beganMs: number;
  /** Undefined: forgotten. */
  tasks: OutboxTask[] | undefined;
  readonly oldestAtMs: Record<OutboxTask['kind'], number>;
  readonly buckets: Set<number>;
}

const secondMs = 1_000;
/**
 * How many more spans are allowed than one interval needs, because the contacts with the server are some seconds apart.
 */
const spareSpans = 16;

export class Unsynced {
  readonly #syncMs: number;
  readonly #tasksMax: number;
  readonly #spansMax: number;
  #spans: Span[] = [];
  #kept = 0;

  /** `syncMs`: how long after its confirmation a task is surely on disk. 0 means at once. */
  constructor(syncMs: number, tasksMax: number) {
    this.#syncMs = syncMs;
    this.#tasksMax = tasksMax;
    this.#spansMax = Math.ceil(syncMs / secondMs) + spareSpans;
  }

  /** How many tasks are remembered. */
  get size(): number {
    return this.#kept;
  }

  /** How many spans are remembered. */
  get spans(): number {
    return this.#spans.length;
  }

  /** JetStream has confirmed the task. `nowMs` is monotonic. */
  keep(task: OutboxTask, nowMs: number): void {
    if (this.#syncMs === 0) return;
    let last = this.#spans.at(-1);
    if (last === undefined || nowMs - last.beganMs >= secondMs) {
      last = { beganMs: nowMs, tasks: [], oldestAtMs: { work: Infinity, event: Infinity }, buckets: new Set() };
      this.#spans.push(last);
      if (this.#spans.length > this.#spansMax) this.#mergeOldest();
    }
    last.oldestAtMs[task.kind] = Math.min(last.oldestAtMs[task.kind], task.atMs);
    last.buckets.add(task.bucket);
    if (last.tasks === undefined) return;
    last.tasks.push(task);
    this.#kept += 1;
    if (this.#kept > this.#tasksMax) this.#forgetOldest();
  }

  /** Drops what is surely on disk. */
  expire(nowMs: number): void {
    const first = this.#spans.findIndex(({ beganMs }) => nowMs - beganMs < this.#syncMs + secondMs);
    const over = this.#spans.splice(0, first < 0 ? this.#spans.length : first);
    for (const { tasks } of over) this.#kept -= tasks?.length ?? 0;
  }

  oldestAtMs(kind: OutboxTask['kind']): number {
    let oldest = Infinity;
    for (const span of this.#spans) oldest = Math.min(oldest, span.oldestAtMs[kind]);
    return oldest;
  }

  /** Whether anything about jobs of this minute may still be lost. */
  holds(bucket: number): boolean {
    return this.#spans.some(({ buckets }) => buckets.has(bucket));
  }

  /**
   * Removes and returns all tasks in the order of their confirmation, so that they can be published again. Undefined if
   * some were forgotten.
   */
  takeAll(): readonly OutboxTask[] | undefined {
    const spans = this.#spans;
    if (spans.some(({ tasks }) => tasks === undefined)) return undefined;
    this.#spans = [];
    this.#kept = 0;
    return spans.flatMap(({ tasks }) => tasks ?? []);
  }

  #mergeOldest(): void {
    const [first, second] = this.#spans;
    if (first === undefined || second === undefined) return;
    for (const bucket of second.buckets) first.buckets.add(bucket);
    // Tasks are forgotten oldest first, so the second span must not remember more than the first.
    if (first.tasks === undefined) this.#forget(second);
    else for (const task of second.tasks ?? []) first.tasks.push(task);
    const oldestAtMs = {
      work: Math.min(first.oldestAtMs.work, second.oldestAtMs.work),
      event: Math.min(first.oldestAtMs.event, second.oldestAtMs.event),
    };
    this.#spans.splice(0, 2, { ...first, beganMs: second.beganMs, oldestAtMs });
  }

  #forgetOldest(): void {
    const oldest = this.#spans.find(({ tasks }) => tasks !== undefined);
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(span: Span): void {
    this.#kept -= span.tasks?.length ?? 0;
    span.tasks = undefined;
  }
}
