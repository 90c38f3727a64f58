/**
 * The held jobs of one level and fairness key, in the order of their places. A job that has already left in another way
 * (claimed, cancelled) is skipped when it comes to the front.
 *
 * While memory is tight a line keeps only its next jobs warm. The others are cold, and are loaded some turns ahead.
 */
import type { ColdSlot, ColdTail } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { ColdRoom } from './cold-room.ts';

/** How many jobs may have gone from the head of a line before its array is shortened. */
const goneMax = 1_024;
/** How many cold jobs may have their turn and have to wait before others of their line are loaded. */
const movedMax = 256;
/** When so many jobs have come to a line, its end is looked through for jobs that may become cold. */
const coolStep = 64;

export interface JobLineParts {
  readonly isHeld: (entry: JobEntry) => boolean;
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

export class JobLine {
  readonly #parts: JobLineParts;
  /** Warm jobs. Those before the head are gone, and nothing of them is held: they end long before others have had their turn. */
  #jobs: (JobEntry | undefined)[] = [];
  #head = 0;
  /** Cold jobs. Those being loaded are not among them any more. */
  readonly #cold: ColdTail;
  /** The place of the first job that is being loaded. */
  #loadingFrom: number | undefined;
  /** At this number of warm jobs the end of the line is looked through for jobs that may become cold. */
  #coolAt = coolStep;
  /** The jobs before this one are still to be looked at by `cool`. Undefined: none is. */
  #coolTo: number | undefined;

  constructor(parts: JobLineParts) {
    this.#parts = parts;
    this.#cold = parts.cold.newTail();
  }

  get isEmpty(): boolean {
    return this.#head === this.#jobs.length && this.#cold.size === 0 && this.#loadingFrom === undefined;
  }

  get isLoading(): boolean {
    return this.#loadingFrom !== undefined;
  }

  push(entry: JobEntry): void {
    this.#jobs.push(entry);
    if (this.#jobs.length < this.#coolAt || !this.#parts.cold.isTight) return;
    // Each job is looked at twice: the first look may find out that the store lacks its key.
    this.#cool(this.#jobs.length, 2 * coolStep);
    this.#coolAt = this.#jobs.length + coolStep;
  }

  pushCold(slot: ColdSlot): void {
    this.#cold.push(slot);
  }

  /** Puts a job back that could not use its turn, or was cold. It comes at its place. */
  putBack(entry: JobEntry): void {
    let [low, high] = [this.#head, this.#jobs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#jobs[middle]?.place ?? Infinity) < entry.place) low = middle + 1;
      else high = middle;
    }
    this.#jobs.splice(low, 0, entry);
  }

  /**
   * Puts many jobs back, each at its place. The line is in the order of its places, and the jobs mostly are. A job that
   * came to the line while its next ones were being chosen may stand behind them. Most often all jobs come before all of
   * the line, or after it.
   */
  putAllBack(jobs: readonly JobEntry[]): void {
    const inOrder = jobs.toSorted(byPlace);
    if ((this.#jobs.at(-1)?.place ?? 0) < (inOrder[0]?.place ?? 0)) {
      for (const job of inOrder) this.#jobs.push(job);
      return;
    }
    const rest = this.#warm(this.#head);
    const [last, next] = [inOrder.at(-1), rest[0]];
    const all = [...inOrder, ...rest];
    if (last !== undefined && next !== undefined && next.place < last.place) all.sort(byPlace);
    this.#jobs = all;
    this.#head = 0;
  }

  /** `cold`: the first job has no record in memory yet. */
  first(): JobEntry | 'cold' | undefined {
    while (this.#head < this.#jobs.length && !this.#isHeld(this.#jobs[this.#head])) this.shift();
    const entry = this.#jobs[this.#head];
    const coldPlace = Math.min(this.#loadingFrom ?? Infinity, this.#cold.firstPlace);
    return coldPlace < (entry?.place ?? Infinity) ? 'cold' : entry;
  }

  /** Takes out the first job, which must be warm, or has left already. */
  shift(): void {
    this.#jobs[this.#head] = undefined;
    this.#head += 1;
  }

  /** Call this after a turn. Loads the next cold jobs if few warm ones come before them. */
  goOn(): void {
    if (this.#head >= goneMax && 2 * this.#head >= this.#jobs.length) {
      this.#jobs = this.#warm(this.#head);
      this.#head = 0;
    }
    if (this.#cold.size === 0) return;
    const ahead = this.#jobs[this.#head + Math.ceil(this.#parts.batch() / 2)];
    if (ahead === undefined || ahead.place > this.#cold.firstPlace) this.load();
  }

  /**
   * Loads the next cold jobs that may go, one batch at a time. Returns whether others before them had their turn and wait
   * elsewhere now.
   */
  load(): boolean {
    if (this.#loadingFrom !== undefined) return false;
    const slots: ColdSlot[] = [];
    const taken = new Map<unknown, number>();
    const most = this.#parts.batch();
    let loadingFrom = Infinity;
    let moved = 0;
    while (slots.length < most && moved < movedMax) {
      const { first, firstPlace } = this.#cold;
      if (first === undefined) break;
      const turn = this.#parts.coldTurn(first, taken);
      if (turn === 'stop') break;
      if (turn === 'moved') {
        moved += 1;
        continue;
      }
      this.#cold.take();
      slots.push(first);
      loadingFrom = Math.min(loadingFrom, firstPlace);
    }
    if (slots.length === 0) return moved > 0;
    this.#loadingFrom = loadingFrom;
    this.#parts.cold.load(slots, (entries) => {
      this.#loadingFrom = undefined;
      this.putAllBack(entries);
      this.#parts.loaded();
    });
    return moved > 0;
  }

  /** `cool` begins anew with all jobs. */
  coolAll(): void {
    this.#coolTo = this.#jobs.length;
  }

  /**
   * Drops the records of jobs that are far from their turn, while memory is tight. Looks at `most` jobs. Returns how many
   * it may still look at: 0 if jobs may be left.
   */
  cool(most: number): number {
    let left = most;
    while (left > 0 && this.#coolTo !== undefined && this.#parts.cold.isTight) {
      const end = Math.min(this.#coolTo, this.#jobs.length);
      const looked = this.#cool(end, left);
      this.#coolTo = looked === 0 ? undefined : end - looked;
      left -= looked;
    }
    return left;
  }

  /** When the first cold job became QUEUED. Infinity if there is none. */
  oldestColdAtMs(): number {
    const { first } = this.#cold;
    return first === undefined ? Infinity : this.#parts.cold.readyAtMs(first);
  }

  /** Cold jobs that come before a place, counted up to `most`. */
  coldBefore(place: number, most: number): number {
    return this.#cold.countBefore(place, most);
  }

  /**
   * Drops records of jobs that come before `end`, from there to the front, but not of the first jobs, and only as far as
   * the store has what they need. Returns how many jobs it has looked at.
   */
  #cool(end: number, most: number): number {
    const from = Math.max(this.#head + 2 * this.#parts.batch(), end - most);
    if (from >= end) return 0;
    const kept: JobEntry[] = [];
    for (const entry of this.#warm(from, end)) {
      if (!this.#parts.isHeld(entry)) continue;
      const slot = this.#parts.cold.cool(entry);
      if (slot === undefined) kept.push(entry);
      else this.#cold.push(slot);
    }
    if (kept.length < end - from) this.#jobs.splice(from, end - from, ...kept);
    return end - from;
  }

  /** From the head on or later. */
  #warm(from: number, end?: number): JobEntry[] {
    return this.#jobs.slice(from, end) as JobEntry[];
  }

  #isHeld(entry: JobEntry | undefined): boolean {
    return entry !== undefined && this.#parts.isHeld(entry);
  }
}

function byPlace(one: JobEntry, other: JobEntry): number {
  return one.place - other.place;
}
