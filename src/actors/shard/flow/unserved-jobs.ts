/**
 * Jobs of a limiter whose handler no live node has, as far as the shard knows. They stand aside of the line, in the
 * order in which their turns came. One message per need stays out as a probe. If the shard is wrong about the nodes,
 * some node claims with that message, and then the next job goes. So jobs that no node can run cost at most one message
 * per need, and no job waits forever because the shard has a wrong view. A caller may make up as many needs as he likes
 * (`>=0.0.1`, `>=0.0.2`, …), so at most `probedMax` of them have a message out; the others wait until one is used up.
 *
 * `unroutable`: a message is out for a job that does not count as running. It was sent while a node had the handler, or
 * it is the probe of its need. When the job's turn comes, the message is still there, so the job needs no other.
 */
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { OutsideJobs } from './outside-jobs.ts';
import { PlacedJobs, type WaitingJob } from './placed-jobs.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';

/** As many messages as a small window has. */
const probedMax = 32;

interface OfNeed {
  readonly aside: PlacedJobs;
  readonly unroutable: Set<JobEntry>;
}

export class UnservedJobs {
  readonly #byNeed = new Map<NeedTally, OfNeed>();
  #asideCount = 0;
  /** Needs with a message out. */
  #probed = 0;
  readonly #outside: OutsideJobs;

  constructor(outside: OutsideJobs) {
    this.#outside = outside;
  }

  /** How many jobs stand aside. */
  get asideCount(): number {
    return this.#asideCount;
  }

  get isEmpty(): boolean {
    return this.#byNeed.size === 0;
  }

  get needs(): readonly NeedTally[] {
    return [...this.#byNeed.keys()];
  }

  isAside(job: WaitingJob, need: NeedTally): boolean {
    return this.#byNeed.get(need)?.aside.has(job) ?? false;
  }

  hasAside(need: NeedTally): boolean {
    return (this.#byNeed.get(need)?.aside.size ?? 0) > 0;
  }

  isUnroutable(entry: JobEntry): boolean {
    return this.#byNeed.get(entry.queueRef.tally)?.unroutable.has(entry) ?? false;
  }

  /** Whether no other message may be sent for the need: one is out, or enough of other needs are. */
  hasUnroutable(need: NeedTally): boolean {
    return this.#probed >= probedMax || (this.#byNeed.get(need)?.unroutable.size ?? 0) > 0;
  }

  /** Returns false if the job stands aside already. */
  setAside(job: WaitingJob, need: NeedTally): boolean {
    if (!this.#of(need).aside.add(job)) return false;
    this.#asideCount += 1;
    return true;
  }

  /** The first cold job of each need. */
  *firstCold(): Generator<ColdSlot, void> {
    for (const { aside } of this.#byNeed.values()) if (aside.firstCold !== undefined) yield aside.firstCold;
  }

  /** These jobs were sent while a node had the handler. They keep their messages. */
  setAsideUnroutable(need: NeedTally, entries: readonly JobEntry[]): void {
    for (const entry of entries) {
      this.setAside(entry, need);
      this.setUnroutable(entry);
    }
  }

  setUnroutable(entry: JobEntry): void {
    const { unroutable } = this.#of(entry.queueRef.tally);
    if (unroutable.size === 0) this.#probed += 1;
    unroutable.add(entry);
  }

  /** The message of the job is used up. */
  used(entry: JobEntry): void {
    const { tally } = entry.queueRef;
    const unroutable = this.#byNeed.get(tally)?.unroutable;
    if (unroutable?.delete(entry) === true && unroutable.size === 0) this.#probed -= 1;
    this.#settle(tally);
  }

  leave(entry: JobEntry): void {
    const { tally } = entry.queueRef;
    this.leaveAside(entry, tally);
    this.used(entry);
  }

  /** The job no longer stands aside. A cold job has no message. */
  leaveAside(job: WaitingJob, need: NeedTally): void {
    if (this.#byNeed.get(need)?.aside.delete(job) !== true) return;
    this.#asideCount -= 1;
    this.#settle(need);
  }

  /** Takes back all jobs that stand aside, or the first `most`, so that they return to their line. */
  takeBack(need: NeedTally, most = Infinity): readonly WaitingJob[] {
    const aside = this.#byNeed.get(need)?.aside;
    const taken: WaitingJob[] = [];
    while (taken.length < most) {
      const first = aside?.takeFirst();
      if (first === undefined) break;
      taken.push(first);
    }
    this.#asideCount -= taken.length;
    this.#settle(need);
    return taken;
  }

  #of(need: NeedTally): OfNeed {
    const present = this.#byNeed.get(need);
    if (present !== undefined) return present;
    const none: OfNeed = { aside: new PlacedJobs(this.#outside), unroutable: new Set() };
    this.#byNeed.set(need, none);
    return none;
  }

  #settle(need: NeedTally): void {
    const of = this.#byNeed.get(need);
    if (of === undefined || of.aside.size + of.unroutable.size > 0) return;
    this.#byNeed.delete(need);
  }
}
