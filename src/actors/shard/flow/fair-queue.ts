/**
 * The held jobs of one queue in a shard, with a line for each level and fairness key. Weights decide whose turn it is:
 * first among the levels, then among the keys of a level. A turn that could not be used costs its key nothing. If the
 * turn comes to a job that is cold, all lines wait until it is loaded, so that loading changes no order.
 */
import { FairOrder, type FairShare } from '../../../domain/fair-order.ts';
import { ownValue } from '../../../domain/own-value.ts';
import { defaultPriority, type Priority, priorityAgeingMs, priorityWeights } from '../../../domain/priority.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { JobLine, type JobLineParts } from './job-line.ts';

/** Lines of a queue in a shard. Further fairness keys share one line per level. */
const linesMax = 1_024;

/** Which line a job is in. */
interface LineName {
  readonly priority?: Priority;
  readonly fairnessKey?: string;
}

interface Line {
  readonly level: Level;
  readonly key: string;
  readonly share: readonly [FairShare];
  /** Takes the line out of the order of its level. */
  leave: () => void;
  readonly jobs: JobLine;
}

interface Found {
  readonly line: Line;
  readonly first: JobEntry | 'cold';
}

interface Level {
  readonly priority: Priority;
  readonly share: readonly [FairShare];
  /** Takes the level out of the order of the queue. */
  leave: () => void;
  readonly order: FairOrder<Line>;
  readonly lines: Map<string, Line>;
}

export interface FairQueueParts extends JobLineParts {
  readonly monotonicMs: () => number;
}

/** `loading`: the job whose turn it is comes from the store. */
export type Shift = 'none' | 'used' | 'loading';

export class FairQueue {
  readonly #parts: FairQueueParts;
  readonly #order: FairOrder<Level>;
  readonly #levels = new Map<Priority, Level>();
  #lines = 0;
  #weights: Readonly<Record<string, number>> = {};

  constructor(parts: FairQueueParts) {
    this.#parts = parts;
    this.#order = new FairOrder({ afterMs: priorityAgeingMs, nowMs: parts.monotonicMs });
  }

  get lines(): number {
    return this.#lines;
  }

  /** An existing line keeps its weight until it is empty. */
  setWeights(weights: Readonly<Record<string, number>>): void {
    this.#weights = weights;
  }

  push(entry: JobEntry): void {
    this.#lineOf(entry.current.spec).jobs.push(entry);
  }

  pushCold(slot: ColdSlot, name: LineName): void {
    this.#lineOf(name).jobs.pushCold(slot);
  }

  /** `cool` begins anew with all jobs. */
  coolAll(): void {
    for (const { jobs } of this.#all()) jobs.coolAll();
  }

  /**
   * Drops the records of jobs that are far from their turn, while memory is tight. Looks at `most` jobs. Returns how
   * many it may still look at: 0 if jobs may be left.
   */
  cool(most: number): number {
    let left = most;
    for (const { jobs } of this.#all()) left = jobs.cool(left);
    return left;
  }

  /** When the oldest cold job became QUEUED, as far as the first of each line tells. Infinity if there is none. */
  oldestColdAtMs(): number {
    let oldest = Infinity;
    for (const { jobs } of this.#all()) oldest = Math.min(oldest, jobs.oldestColdAtMs());
    return oldest;
  }

  /** Cold jobs of a level that come before a place, counted up to `most`. */
  coldBefore(priority: Priority, place: number, most: number): number {
    let before = 0;
    for (const { jobs } of this.#levels.get(priority)?.lines.values() ?? []) {
      if (before >= most) return most;
      before += jobs.coldBefore(place, most - before);
    }
    return before;
  }

  /** Puts a job back that could not use its turn, or was cold. It comes at its place. */
  putBack(entry: JobEntry): void {
    this.#lineOf(entry.current.spec).jobs.putBack(entry);
  }

  /** Puts many jobs back, each at its place. */
  putAllBack(entries: Iterable<JobEntry>): void {
    const back = Map.groupBy(entries, ({ current }) => this.#lineOf(current.spec));
    for (const [line, jobs] of back) line.jobs.putAllBack(jobs);
  }

  /**
   * Takes out the job whose turn it is, of the levels that have room. `use` returns whether the turn is charged to its
   * key. `none`: these levels have no held job.
   */
  shift(hasRoom: (level: Priority) => boolean, use: (entry: JobEntry) => boolean): Shift {
    let found: Found | undefined;
    const level = this.#order.next((one) => hasRoom(one.priority) && (found = this.#firstOf(one)) !== undefined);
    if (level === undefined || found === undefined) {
      this.#dropEmptyLevels();
      return 'none';
    }
    const { line, first } = found;
    if (first === 'cold') {
      const hasMoved = line.jobs.load();
      return hasMoved && !line.jobs.isLoading ? 'used' : 'loading';
    }
    line.jobs.shift();
    if (use(first)) {
      this.#order.served(level.share, 1);
      level.order.served(line.share, 1);
    }
    if (line.jobs.isEmpty) {
      this.#drop(line);
      this.#dropEmptyLevels();
    } else line.jobs.goOn();
    return 'used';
  }

  /**
   * The line whose turn it is in a level, and its first job. Lines without a held job are dropped at once: they have
   * had little, so each further turn would look at them first.
   */
  #firstOf(level: Level): Found | undefined {
    let first: Found['first'] | undefined;
    const empty: Line[] = [];
    const line = level.order.next((one) => {
      first = one.jobs.first();
      if (first === undefined) empty.push(one);
      return first !== undefined;
    });
    for (const one of empty) this.#drop(one);
    return line === undefined || first === undefined ? undefined : { line, first };
  }

  *#all(): Generator<Line, void> {
    for (const { lines } of this.#levels.values()) yield* lines.values();
  }

  #lineOf({ priority = defaultPriority, fairnessKey: own = '' }: LineName): Line {
    const level = this.#levelOf(priority);
    const key = this.#lines < linesMax || level.lines.has(own) ? own : '';
    const present = level.lines.get(key);
    if (present !== undefined) return present;
    const share = [{ name: key, weight: ownValue(this.#weights, key) ?? 1 }] as const;
    const line: Line = { level, key, share, leave: () => undefined, jobs: new JobLine(this.#parts) };
    line.leave = level.order.add(share, line);
    level.order.waits(share);
    level.lines.set(key, line);
    this.#lines += 1;
    return line;
  }

  #levelOf(priority: Priority): Level {
    const present = this.#levels.get(priority);
    if (present !== undefined) return present;
    const share = [{ name: String(priority), weight: priorityWeights[priority], ages: true }] as const;
    const level: Level = { priority, share, order: new FairOrder(), lines: new Map(), leave: () => undefined };
    level.leave = this.#order.add(share, level);
    this.#levels.set(priority, level);
    this.#order.waits(share);
    return level;
  }

  #drop({ level, key, leave }: Line): void {
    leave();
    if (level.lines.delete(key)) this.#lines -= 1;
  }

  /** Not while the order of the levels is being read. */
  #dropEmptyLevels(): void {
    for (const [priority, { lines, leave }] of this.#levels) {
      if (lines.size > 0) continue;
      leave();
      this.#levels.delete(priority);
    }
  }
}
