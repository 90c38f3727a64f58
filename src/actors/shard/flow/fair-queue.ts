/**
 * The held jobs of one queue in a shard, with a line for each level and fairness key. Weights decide whose turn it is:
 * first among the levels, then among the keys of a level. A job that has already left in another way (claimed,
 * cancelled) is skipped when it comes to the front. A turn that could not be used costs its key nothing.
 *
 * While memory is tight a line keeps only its next jobs warm. The others are cold, and are loaded some turns ahead. If
 * the turn comes to one that is not loaded yet, all lines wait for it, so that loading changes no order.
 */
import { FairOrder, type FairShare } from '../../../domain/fair-order.ts';
import { ownValue } from '../../../domain/own-value.ts';
import { defaultPriority, type Priority, priorityAgeingMs, priorityWeights } from '../../../domain/priority.ts';
import type { ColdTail, ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { ColdRoom } from './cold-room.ts';

/** Lines of a queue in a shard. Further fairness keys share one line per level. */
const linesMax = 1_024;
/** How many jobs may have gone from the head of a line before its array is shortened. */
const goneMax = 1_024;
/** How many cold jobs may have their turn and have to wait before others of their line are loaded. */
const movedMax = 256;
/** When so many jobs have come to a line, its end is looked through for jobs that may become cold. */
const coolStep = 64;

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
  /** Warm jobs, in the order of their places. */
  jobs: JobEntry[];
  head: number;
  /** Cold jobs. Those being loaded are not among them any more. */
  readonly cold: ColdTail;
  /** The place of the first job that is being loaded. */
  loadingFrom: number | undefined;
  /** At this length of `jobs` the end of the line is looked through for jobs that may become cold. */
  coolAt: number;
  /** The jobs before this one are still to be looked at, see `cool`. Undefined: none is. */
  coolTo: number | undefined;
}

interface Found {
  readonly line: Line;
  readonly first: JobEntry | 'cold';
}

const hasCold = ({ cold, loadingFrom }: Line): boolean => cold.size > 0 || loadingFrom !== undefined;

interface Level {
  readonly priority: Priority;
  readonly share: readonly [FairShare];
  /** Takes the level out of the order of the queue. */
  leave: () => void;
  readonly order: FairOrder<Line>;
  readonly lines: Map<string, Line>;
}

export interface FairQueueParts {
  readonly isHeld: (entry: JobEntry) => boolean;
  readonly monotonicMs: () => number;
  readonly cold: ColdRoom;
  /** How many jobs are loaded at a time. A line keeps twice as many warm. */
  readonly batch: () => number;
  /** The turn of a cold job. `taken` is kept for the jobs that are loaded together. */
  readonly coldTurn: (slot: ColdSlot, taken: Map<unknown, number>) => ColdTurn;
  /** Called when jobs were loaded, so that the turns go on. */
  readonly loaded: () => void;
}

/** `may load`: it may go. `moved`: it has to wait, and was put elsewhere. `stop`: no job gets a turn at present. */
export type ColdTurn = 'may load' | 'moved' | 'stop';

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

  /** An existing line keeps its weight until it is empty. */
  setWeights(weights: Readonly<Record<string, number>>): void {
    this.#weights = weights;
  }

  push(entry: JobEntry): void {
    const line = this.#lineOf(entry.current.spec);
    line.jobs.push(entry);
    if (line.jobs.length < line.coolAt || !this.#parts.cold.isTight) return;
    // Each job is looked at twice: the first look may find out that the store lacks its key.
    this.#cool(line, line.jobs.length, 2 * coolStep);
    line.coolAt = line.jobs.length + coolStep;
  }

  pushCold(slot: ColdSlot, name: LineName): void {
    this.#lineOf(name).cold.push(slot);
  }

  /** `cool` begins anew with all jobs. */
  coolAll(): void {
    for (const { lines } of this.#levels.values()) {
      for (const line of lines.values()) line.coolTo = line.jobs.length;
    }
  }

  /**
   * Drops the records of jobs that are far from their turn, while memory is tight. Looks at `most` jobs. Returns how
   * many it may still look at: 0 if jobs may be left.
   */
  cool(most: number): number {
    let left = most;
    for (const { lines } of this.#levels.values()) {
      for (const line of lines.values()) {
        while (left > 0 && line.coolTo !== undefined && this.#parts.cold.isTight) {
          const end = Math.min(line.coolTo, line.jobs.length);
          const looked = this.#cool(line, end, left);
          line.coolTo = looked === 0 ? undefined : end - looked;
          left -= looked;
        }
      }
    }
    return left;
  }

  /** When the oldest cold job became QUEUED, as far as the first of each line tells. Infinity if there is none. */
  oldestColdAtMs(): number {
    let oldest = Infinity;
    for (const { lines } of this.#levels.values()) {
      for (const { cold } of lines.values()) {
        if (cold.first !== undefined) oldest = Math.min(oldest, this.#parts.cold.readyAtMs(cold.first));
      }
    }
    return oldest;
  }

  /** Cold jobs of a level that come before a place, counted up to `most`. */
  coldBefore(priority: Priority, place: number, most: number): number {
    let before = 0;
    for (const { cold } of this.#levels.get(priority)?.lines.values() ?? []) {
      if (before >= most) return most;
      before += cold.countBefore(place, most - before);
    }
    return before;
  }

  /** Puts a job back that could not use its turn, or was cold. It comes at its place. */
  putBack(entry: JobEntry): void {
    const line = this.#lineOf(entry.current.spec);
    let [low, high] = [line.head, line.jobs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((line.jobs[middle]?.place ?? Infinity) < entry.place) low = middle + 1;
      else high = middle;
    }
    line.jobs.splice(low, 0, entry);
  }

  /** Puts many jobs back, each at its place. */
  putAllBack(entries: Iterable<JobEntry>): void {
    const back = Map.groupBy(entries, ({ current }) => this.#lineOf(current.spec));
    for (const [line, jobs] of back) insert(line, jobs);
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
      const hasMoved = this.#load(line);
      return hasMoved && line.loadingFrom === undefined ? 'used' : 'loading';
    }
    line.head += 1;
    if (use(first)) {
      this.#order.served(level.share, 1);
      level.order.served(line.share, 1);
    }
    this.#shorten(line);
    return 'used';
  }

  #shorten(line: Line): void {
    if (line.head === line.jobs.length && !hasCold(line)) {
      this.#drop(line);
      this.#dropEmptyLevels();
      return;
    }
    if (line.head >= goneMax && 2 * line.head >= line.jobs.length) {
      line.jobs = line.jobs.slice(line.head);
      line.head = 0;
    }
    if (line.cold.size === 0) return;
    const ahead = line.jobs[line.head + Math.ceil(this.#parts.batch() / 2)];
    if (ahead === undefined || ahead.place > line.cold.firstPlace) this.#load(line);
  }

  /**
   * The line whose turn it is in a level, and its first job. Lines without a held job are dropped at once: they have
   * had little, so each further turn would look at them first.
   */
  #firstOf(level: Level): Found | undefined {
    let first: Found['first'] | undefined;
    const empty: Line[] = [];
    const line = level.order.next((one) => {
      first = this.#first(one);
      if (first === undefined) empty.push(one);
      return first !== undefined;
    });
    for (const one of empty) this.#drop(one);
    return line === undefined || first === undefined ? undefined : { line, first };
  }

  /** `cold`: the first job has no record in memory yet. */
  #first(line: Line): Found['first'] | undefined {
    while (line.head < line.jobs.length && !this.#isHeld(line.jobs[line.head])) line.head += 1;
    const entry = line.jobs[line.head];
    const coldPlace = Math.min(line.loadingFrom ?? Infinity, line.cold.firstPlace);
    if (coldPlace < (entry?.place ?? Infinity)) return 'cold';
    return entry;
  }

  #isHeld(entry: JobEntry | undefined): boolean {
    return entry !== undefined && this.#parts.isHeld(entry);
  }

  /**
   * Loads the next cold jobs of a line that may go, one batch at a time. Returns whether others before them had their
   * turn and wait elsewhere now.
   */
  #load(line: Line): boolean {
    if (line.loadingFrom !== undefined) return false;
    const slots: ColdSlot[] = [];
    const taken = new Map<unknown, number>();
    const most = this.#parts.batch();
    let loadingFrom = Infinity;
    let moved = 0;
    while (slots.length < most && moved < movedMax) {
      const { first, firstPlace } = line.cold;
      if (first === undefined) break;
      const turn = this.#parts.coldTurn(first, taken);
      if (turn === 'stop') break;
      if (turn === 'moved') {
        moved += 1;
        continue;
      }
      line.cold.take();
      slots.push(first);
      loadingFrom = Math.min(loadingFrom, firstPlace);
    }
    if (slots.length === 0) return moved > 0;
    line.loadingFrom = loadingFrom;
    this.#parts.cold.load(slots, (entries) => {
      line.loadingFrom = undefined;
      insert(line, entries);
      this.#parts.loaded();
    });
    return moved > 0;
  }

  /**
   * Drops records of jobs of a line that come before `end`, from there to the front, but not of its first jobs, and only
   * as far as the store has what they need. Returns how many jobs it has looked at.
   */
  #cool(line: Line, end: number, most: number): number {
    const from = Math.max(line.head + 2 * this.#parts.batch(), end - most);
    if (from >= end) return 0;
    const kept: JobEntry[] = [];
    for (const entry of line.jobs.slice(from, end)) {
      if (!this.#parts.isHeld(entry)) continue;
      const slot = this.#parts.cold.cool(entry);
      if (slot === undefined) kept.push(entry);
      else line.cold.push(slot);
    }
    if (kept.length < end - from) line.jobs.splice(from, end - from, ...kept);
    return end - from;
  }

  #lineOf({ priority = defaultPriority, fairnessKey: own = '' }: LineName): Line {
    const level = this.#levelOf(priority);
    const key = this.#lines < linesMax || level.lines.has(own) ? own : '';
    const present = level.lines.get(key);
    if (present !== undefined) return present;
    const share = [{ name: key, weight: ownValue(this.#weights, key) ?? 1 }] as const;
    const cold = this.#parts.cold.newTail();
    const places = { jobs: [], head: 0, cold, loadingFrom: undefined, coolAt: coolStep, coolTo: undefined };
    const line: Line = { level, key, share, ...places, leave: () => undefined };
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

/**
 * The line is in the order of its places, and the jobs mostly are. A job that came to the line while its next ones were
 * being chosen may stand behind them. Most often all jobs come before all of the line.
 */
function insert(line: Line, jobs: readonly JobEntry[]): void {
  const inOrder = jobs.toSorted(byPlace);
  const rest = line.jobs.slice(line.head);
  const [last, next] = [inOrder.at(-1), rest[0]];
  line.jobs = [...inOrder, ...rest];
  line.head = 0;
  if (last !== undefined && next !== undefined && next.place < last.place) line.jobs.sort(byPlace);
}

function byPlace(one: JobEntry, other: JobEntry): number {
  return one.place - other.place;
}
