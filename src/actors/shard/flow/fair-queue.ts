/**
 * The held jobs of one queue in a shard, with a line for each level and fairness key. Weights decide whose turn it is.
 * A job that has already left in another way (claimed, cancelled) is skipped when it comes to the front. A turn that
 * could not be used costs its key nothing.
 */
import { FairOrder, type FairShare } from '../../../domain/fair-order.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { ownValue } from '../../../domain/own-value.ts';
import { defaultPriority, priorityAgeingMs, priorityWeights } from '../../../domain/priority.ts';
import type { JobEntry } from '../table/job-table.ts';

/** Lines of a queue in a shard. Further fairness keys share one line per level. */
const linesMax = 1_024;
/** How many jobs may have gone from the head of a line before its array is shortened. */
const goneMax = 1_024;
/** How many jobs a job that is put back is compared with. Usually fewer than this are dispatched at a time. */
const comparedMax = 64;

interface Line {
  readonly name: string;
  readonly path: readonly FairShare[];
  jobs: JobEntry[];
  head: number;
}

export class FairQueue {
  readonly #order: FairOrder<Line>;
  readonly #lines = new Map<string, { readonly line: Line; readonly leave: () => void }>();
  readonly #isHeld: (entry: JobEntry) => boolean;
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
   * Puts back a job that could not use its turn. It goes before all jobs that became ready later, within the next
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
      if (next === undefined || next.current.readyAtMs >= entry.current.readyAtMs) return;
      line.jobs[at] = next;
      line.jobs[at + 1] = entry;
    }
  }

  /** Puts many jobs back, in the order in which they were taken out. */
  putAllBack(entries: Iterable<JobEntry>): void {
    const back = new Map<Line, JobEntry[]>();
    for (const entry of entries) {
      const line = this.#lineOf(entry.current);
      const ofLine = back.get(line);
      if (ofLine === undefined) back.set(line, [entry]);
      else ofLine.push(entry);
    }
    for (const [line, jobs] of back) {
      line.jobs = [...jobs, ...line.jobs.slice(line.head)];
      line.head = 0;
    }
  }

  /**
   * Takes out the job whose turn it is. `use` returns whether the turn is charged to its key. Returns false when no job
   * is held.
   */
  shift(use: (entry: JobEntry) => boolean): boolean {
    let entry: JobEntry | undefined;
    const line = this.#order.next((one) => (entry = this.#first(one)) !== undefined);
    if (line === undefined || entry === undefined) {
      for (const { line: empty } of this.#lines.values()) this.#drop(empty);
      return false;
    }
    line.head += 1;
    if (use(entry)) this.#order.served(line.path, 1);
    if (line.head >= goneMax) {
      line.jobs = line.jobs.slice(line.head);
      line.head = 0;
    }
    if (line.head === line.jobs.length) this.#drop(line);
    return true;
  }

  #first(line: Line): JobEntry | undefined {
    for (; line.head < line.jobs.length; line.head += 1) {
      const entry = line.jobs[line.head];
      if (entry !== undefined && this.#isHeld(entry)) return entry;
    }
    return undefined;
  }

  #lineOf({ spec }: JobRecord): Line {
    const level = spec.priority ?? defaultPriority;
    const own = spec.fairnessKey ?? '';
    const key = this.#lines.size < linesMax || this.#lines.has(lineName(level, own)) ? own : '';
    const name = lineName(level, key);
    const present = this.#lines.get(name);
    if (present !== undefined) return present.line;
    const shares = [
      { name: String(level), weight: priorityWeights[level], ages: true },
      { name: key, weight: ownValue(this.#weights, key) ?? 1 },
    ];
    const line: Line = { name, path: shares, jobs: [], head: 0 };
    this.#lines.set(name, { line, leave: this.#order.add(shares, line) });
    this.#order.waits(shares);
    return line;
  }

  #drop({ name }: Line): void {
    this.#lines.get(name)?.leave();
    this.#lines.delete(name);
  }
}

function lineName(level: number, key: string): string {
  return `${level}/${key}`;
}
