/**
 * Jobs of a limiter whose handler no live node has, as far as the shard knows. They stand aside of the line, in the order in
 * which their turns came, and one message of each need is out: should the shard be wrong about the nodes, it is brought to
 * a claim, and then the next one goes. So what no node can run is at most one message of each need, and nothing waits for
 * ever because of what a shard believes.
 *
 * `unroutable`: a message is out for a job that counts for nothing. It was sent while a node had the handler, or is the one of
 * its need. When its turn comes, its message is still there: it needs no other.
 */
import type { JobEntry } from '../table/job-table.ts';
import type { NeedTally } from '../table/queue-index.ts';

interface OfNeed {
  aside: Set<JobEntry>;
  readonly unroutable: Set<JobEntry>;
}

export class UnservedJobs {
  readonly #byNeed = new Map<NeedTally, OfNeed>();
  #asideCount = 0;

  /** Jobs that stand aside. */
  get asideCount(): number {
    return this.#asideCount;
  }

  get needs(): readonly NeedTally[] {
    return [...this.#byNeed.keys()];
  }

  isAside(entry: JobEntry): boolean {
    return this.#byNeed.get(entry.queueRef.tally)?.aside.has(entry) ?? false;
  }

  hasAside(need: NeedTally): boolean {
    return (this.#byNeed.get(need)?.aside.size ?? 0) > 0;
  }

  isUnroutable(entry: JobEntry): boolean {
    return this.#byNeed.get(entry.queueRef.tally)?.unroutable.has(entry) ?? false;
  }

  hasUnroutable(need: NeedTally): boolean {
    return (this.#byNeed.get(need)?.unroutable.size ?? 0) > 0;
  }

  setAside(entry: JobEntry): void {
    const { aside } = this.#of(entry.queueRef.tally);
    if (aside.has(entry)) return;
    aside.add(entry);
    this.#asideCount += 1;
  }

  /** They were sent while there was a node: before all that stand there now. */
  setAsideUnroutable(need: NeedTally, entries: readonly JobEntry[]): void {
    const of = this.#of(need);
    const before = of.aside.size;
    of.aside = new Set([...entries, ...of.aside]);
    this.#asideCount += of.aside.size - before;
    for (const entry of entries) of.unroutable.add(entry);
  }

  setUnroutable(entry: JobEntry): void {
    this.#of(entry.queueRef.tally).unroutable.add(entry);
  }

  /** Its message is used up. */
  used(entry: JobEntry): void {
    const { tally } = entry.queueRef;
    this.#byNeed.get(tally)?.unroutable.delete(entry);
    this.#settle(tally);
  }

  leave(entry: JobEntry): void {
    const { tally } = entry.queueRef;
    if (this.#byNeed.get(tally)?.aside.delete(entry) === true) this.#asideCount -= 1;
    this.used(entry);
  }

  /** Those aside, or the first of them, go back to the line. */
  takeBack(need: NeedTally, most = Infinity): readonly JobEntry[] {
    const aside = this.#byNeed.get(need)?.aside;
    if (aside === undefined) return [];
    const taken: JobEntry[] = [];
    for (const entry of aside) {
      if (taken.length >= most) break;
      taken.push(entry);
      aside.delete(entry);
    }
    this.#asideCount -= taken.length;
    this.#settle(need);
    return taken;
  }

  #of(need: NeedTally): OfNeed {
    const present = this.#byNeed.get(need);
    if (present !== undefined) return present;
    const none: OfNeed = { aside: new Set(), unroutable: new Set() };
    this.#byNeed.set(need, none);
    return none;
  }

  #settle(need: NeedTally): void {
    const of = this.#byNeed.get(need);
    if (of !== undefined && of.aside.size + of.unroutable.size === 0) this.#byNeed.delete(need);
  }
}
