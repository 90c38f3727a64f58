/**
 * The held jobs of one queue in a shard, with a line for each level and fairness key. Weights decide whose turn it is:
 * first among the levels, then among the keys of a level. A job that has already left in another way (claimed,
 * cancelled) is skipped when it comes to the front. A turn that could not be used costs its key nothing.
 */
import { FairOrder, type FairShare } from '../../../domain/fair-order.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { ownValue } from '../../../domain/own-value.ts';
import { defaultPriority, type Priority, priorityAgeingMs, priorityWeights } from '../../../domain/priority.ts';
import type { JobEntry } from '../table/queue-index.ts';

/** Lines of a queue in a shard. Further fairness keys share one line per level. */
const linesMax = 1_024;
/** How many jobs may have gone from the head of a line before its array is shortened. */
const goneMax = 1_024;
/** How many jobs a job that is put back is compared with. No window is as large. */
const comparedMax = 1_024;

interface Line {
  readonly level: Level;
  readonly key: string;
  readonly share: readonly [FairShare];
  /** Takes the line out of the order of its level. */
  leave: () => void;
  jobs: JobEntry[];
  head: number;
}

interface Level {
  readonly priority: Priority;
  readonly share: readonly [FairShare];
  /** Takes the level out of the order of the queue. */
  leave: () => void;
  readonly order: FairOrder<Line>;
  readonly lines: Map<string, Line>;
}

export class FairQueue {
  readonly #order: FairOrder<Level>;
  readonly #levels = new Map<Priority, Level>();
  readonly #isHeld: (entry: JobEntry) => boolean;
  #lines = 0;
  #weights: Readonly<Record<string, number>> = {};

  constructor(isHeld: (entry: JobEntry) => boolean, monotonicMs: () => number) {
    this.#isHeld = isHeld;
    this.#order = new FairOrder({ afterMs: priorityAgeingMs, nowMs: monotonicMs });
  }

  /** An existing line keeps its weight until it is empty. */
  setWeights(weights: Readonly<Record<string, number>>): void {
    this.#weights = weights;
  }

  push(entry: JobEntry): void {
    this.#lineOf(entry.current).jobs.push(entry);
  }

  /**
   * Puts back a job that could not use its turn. It goes before all jobs with a later place, within the next
   * `comparedMax` jobs.
   */
  putBack(entry: JobEntry): void {
    const line = this.#lineOf(entry.current);
    if (line.head === 0) line.jobs.unshift(entry);
    else {
      line.head -= 1;
      line.jobs[line.head] = entry;
    }
    const most = Math.min(line.jobs.length - 1, line.head + comparedMax);
    for (let at = line.head; at < most; at += 1) {
      const next = line.jobs[at + 1];
      if (next === undefined || next.place >= entry.place) return;
      line.jobs[at] = next;
      line.jobs[at + 1] = entry;
    }
  }

  /** Puts many jobs back, in the order in which they were taken out. */
  putAllBack(entries: Iterable<JobEntry>): void {
    const back = Map.groupBy(entries, ({ current }) => this.#lineOf(current));
    for (const [line, jobs] of back) {
      line.jobs = [...jobs, ...line.jobs.slice(line.head)];
      line.head = 0;
    }
  }

  /**
   * Takes out the job whose turn it is, of the levels that have room. `use` returns whether the turn is charged to its
   * key. Returns false when these levels have no held job.
   */
  shift(hasRoom: (level: Priority) => boolean, use: (entry: JobEntry) => boolean): boolean {
    let found: { readonly line: Line; readonly entry: JobEntry } | undefined;
    const level = this.#order.next((one) => hasRoom(one.priority) && (found = this.#firstOf(one)) !== undefined);
    if (level === undefined || found === undefined) {
      this.#dropEmptyLevels();
      return false;
    }
    const { line, entry } = found;
    line.head += 1;
    if (use(entry)) {
      this.#order.served(level.share, 1);
      level.order.served(line.share, 1);
    }
    if (line.head === line.jobs.length) {
      this.#drop(line);
      this.#dropEmptyLevels();
    } else if (line.head >= goneMax && 2 * line.head >= line.jobs.length) {
      line.jobs = line.jobs.slice(line.head);
      line.head = 0;
    }
    return true;
  }

  /**
   * The line whose turn it is in a level, and its first job. Lines without a held job are dropped at once: they have
   * had little, so each further turn would look at them first.
   */
  #firstOf(level: Level): { readonly line: Line; readonly entry: JobEntry } | undefined {
    let entry: JobEntry | undefined;
    const empty: Line[] = [];
    const line = level.order.next((one) => {
      entry = this.#first(one);
      if (entry === undefined) empty.push(one);
      return entry !== undefined;
    });
    for (const one of empty) this.#drop(one);
    return line === undefined || entry === undefined ? undefined : { line, entry };
  }

  #first(line: Line): JobEntry | undefined {
    for (; line.head < line.jobs.length; line.head += 1) {
      const entry = line.jobs[line.head];
      if (entry !== undefined && this.#isHeld(entry)) return entry;
    }
    return undefined;
  }

  #lineOf({ spec }: JobRecord): Line {
    const level = this.#levelOf(spec.priority ?? defaultPriority);
    const own = spec.fairnessKey ?? '';
    const key = this.#lines < linesMax || level.lines.has(own) ? own : '';
    const present = level.lines.get(key);
    if (present !== undefined) return present;
    const share = [{ name: key, weight: ownValue(this.#weights, key) ?? 1 }] as const;
    const line: Line = { level, key, share, jobs: [], head: 0, leave: () => undefined };
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
