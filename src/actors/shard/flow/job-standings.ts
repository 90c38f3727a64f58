/**
 * Where each waiting job of a limiter stands, and what counts because of it: jobs that are held, windows, concurrency
 * keys, and jobs that stand aside. It decides nothing. Each change of a standing happens here, so the counts agree.
 *
 * A job is `held` (its turn has not come) or `sent` (a WORK message is out for it, and it counts as running). A held
 * job waits in its line. It is `key-blocked` while its key has no room, and it stands aside while no live node has its
 * handler: see `UnservedJobs`. `UnservedJobs` also knows which held jobs have a message out; those get no second message
 * when their turn comes.
 */
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import type { ColdJobs, ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';
import type { ColdRoom } from './cold-room.ts';
import type { ConcurrencyKeys } from './concurrency-keys.ts';
import type { FairQueue } from './fair-queue.ts';
import type { OutsideJobs } from './outside-jobs.ts';
import { isCold, keyOf, tallyOf, type WaitingJob } from './placed-jobs.ts';
import type { RouteWindows } from './route-windows.ts';
import { UnservedJobs } from './unserved-jobs.ts';

/** How many jobs that stood aside come back in one message of the shard. It takes a few ms. */
const backMax = 2_000;

export interface JobStandingsParts {
  readonly queue: FairQueue;
  readonly windows: RouteWindows;
  readonly keys: ConcurrencyKeys;
  readonly cold: Pick<ColdRoom, 'readyAtMs' | 'shapeOf'>;
  readonly outside: OutsideJobs;
}

export class JobStandings {
  readonly #parts: JobStandingsParts;
  readonly unserved: UnservedJobs;
  /** Needs whose handler has come, and of which jobs still stand aside. */
  readonly #comingBack = new Set<NeedTally>();
  #held = 0;
  #places = 0;

  constructor(parts: JobStandingsParts) {
    this.#parts = parts;
    this.unserved = new UnservedJobs(parts.outside);
  }

  get held(): number {
    return this.#held;
  }

  /** Held jobs that could go if there were room. */
  get waiting(): number {
    return this.#held - this.#parts.keys.blocked - this.unserved.asideCount;
  }

  /**
   * Holds a job that waits, if the store knows that it waits. While the store knows only an earlier record of the job,
   * this does nothing: a message that is out for the earlier record would count as sent, and none would be sent for the
   * present one. The job comes here again once its present record is durable.
   */
  hold(entry: JobEntry, at: 'front' | 'back' = 'back'): void {
    if (entry.current.state !== 'QUEUED' || entry.durable !== entry.current || entry.standing !== 'none') return;
    const { queue } = this.#parts;
    entry.standing = 'held';
    this.#held += 1;
    if (at === 'front') queue.putBack(entry);
    else {
      this.#takePlace(entry);
      queue.push(entry);
    }
  }

  /** Holds a cold job that waits. */
  holdCold(slot: ColdSlot, cold: Pick<ColdJobs, 'setPlace' | 'shapeOf'>): void {
    this.#held += 1;
    this.#places += 1;
    cold.setPlace(slot, this.#places);
    this.#parts.queue.pushCold(slot, cold.shapeOf(slot));
  }

  /**
   * The job is cold now and stays held, but not as this entry. A line may still have the entry in another place: a job
   * that left its line by a message of its own, and waits again, leaves its former place there.
   */
  cooled(entry: JobEntry): void {
    // A job that was blocked and got its turn again counts there until it has had it.
    this.hasTurn(entry);
    this.unserved.leave(entry);
    entry.standing = 'none';
  }

  /** Makes a job cold that waits outside of its line, by `cool`. It waits on in the same place. */
  coolBlocked(entry: JobEntry, cool: ColdRoom['cool']): ColdSlot | undefined {
    const wait = this.#waitOf(entry);
    const slot = wait === undefined ? undefined : cool(entry);
    if (slot !== undefined) wait?.(slot);
    return slot;
  }

  /** What makes a job wait where this one waits. Undefined if it waits in its line, or not at all. */
  #waitOf(entry: JobEntry): ((job: WaitingJob) => void) | undefined {
    const { windows, keys } = this.#parts;
    if (entry.standing !== 'held') return undefined;
    if (windows.isBlocked(entry)) return (job) => windows.block(job);
    const key = keyOf(entry, this.#parts.cold);
    if (key !== undefined && keys.isBlocked(entry, key)) return (job) => keys.block(job, key);
    const { tally } = entry.queueRef;
    return this.unserved.isAside(entry, tally) ? (job) => this.unserved.setAside(job, tally) : undefined;
  }

  /** A job that was cold has its record again. It was held all the time. */
  warmed(entry: JobEntry): void {
    entry.standing = 'held';
  }

  /** Jobs that were blocked or stood aside have their turn again. */
  putBack(jobs: readonly WaitingJob[]): void {
    const { queue, cold } = this.#parts;
    for (const job of jobs) {
      if (isCold(job)) queue.pushCold(job, cold.shapeOf(job));
      else queue.putBack(job);
    }
  }

  /**
   * No node has the handler any more. Jobs that wait for room in its route come before the one that has its turn now.
   * False if there are none.
   */
  unblockUnserved(need: NeedTally, isServed: (need: HandlerNeed) => boolean): boolean {
    const jobs = this.#parts.windows.unblockUnserved(need, isServed);
    this.#putAllBack(jobs);
    return jobs.length > 0;
  }

  /** The record of a cold job comes into memory. So it is in no tail any more. */
  leavesCold(slot: ColdSlot): void {
    this.hasTurn(slot);
    this.unserved.leaveAside(slot, tallyOf(slot, this.#parts.cold));
  }

  /** When the oldest cold job that waits outside of the lines became QUEUED. Infinity if there is none. */
  oldestColdAtMs(): number {
    const { keys, windows, cold } = this.#parts;
    let oldest = Infinity;
    for (const firsts of [keys.firstCold(), windows.firstCold(), this.unserved.firstCold()]) {
      for (const slot of firsts) oldest = Math.min(oldest, cold.readyAtMs(slot));
    }
    return oldest;
  }

  /** A job without a key that was not held is sent. */
  sendAtOnce(entry: JobEntry): void {
    this.#takePlace(entry);
    entry.standing = 'sent';
    this.#parts.windows.send(entry);
  }

  /** The job has its turn: nothing holds it back any more, until this turn says so. */
  hasTurn(job: WaitingJob): void {
    this.#parts.windows.leave(job);
    const key = keyOf(job, this.#parts.cold);
    if (key !== undefined) this.#parts.keys.leave(job, key);
  }

  /** A held job has its turn. */
  send(entry: JobEntry): void {
    this.unserved.leave(entry);
    this.#held -= 1;
    this.#parts.keys.dispatched(entry.current, 1);
    entry.standing = 'sent';
    this.#parts.windows.send(entry);
  }

  setAside(job: WaitingJob): void {
    if (!this.unserved.setAside(job, tallyOf(job, this.#parts.cold))) return;
    // This job had taken the turn of a blocked job of its key. That one gets its turn now.
    const key = keyOf(job, this.#parts.cold);
    if (key !== undefined) this.#parts.keys.unblockKey(key);
  }

  /**
   * Nodes have the handlers. The jobs that stood aside wait for their turn again, in the order of their places. If they
   * are many, some come now, and the caller goes on with `bringBackMore`. No job may have its turn before all are back.
   * Returns how many came.
   */
  bringBack(needs: readonly NeedTally[]): number {
    for (const need of needs) this.#comingBack.add(need);
    return this.bringBackMore();
  }

  bringBackMore(): number {
    let left = backMax;
    for (const need of this.#comingBack) {
      const jobs = this.unserved.takeBack(need, left);
      this.#putAllBack(jobs);
      left -= jobs.length;
      if (this.unserved.hasAside(need)) break;
      this.#comingBack.delete(need);
    }
    return backMax - left;
  }

  /** Jobs that stood aside are still to come back. */
  get isBringingBack(): boolean {
    return this.#comingBack.size > 0;
  }

  /** If no message is out for this need, the next of its jobs gets a turn. */
  probeNext(need: NeedTally): void {
    if (!this.unserved.hasUnroutable(need)) this.putBack(this.unserved.takeBack(need, 1));
  }

  /** No node has the handler any more. Sent jobs no longer count as running, but keep their messages. */
  setUnroutable(need: NeedTally): void {
    const sent = this.#parts.windows.sentJobs().filter(({ queueRef }) => queueRef.tally === need);
    if (sent.length === 0) return;
    for (const entry of sent) this.#unsend(entry);
    this.unserved.setAsideUnroutable(need, sent);
    // Those that these jobs kept from their turn have it now.
    for (const { current } of sent) this.#parts.keys.unblock(current);
  }

  /** Sent jobs wait for their turn again and keep their messages. */
  recall(): void {
    const { windows, queue } = this.#parts;
    for (const entry of windows.sentJobs().reverse()) {
      this.#unsend(entry);
      this.unserved.setUnroutable(entry);
      queue.putBack(entry);
    }
  }

  /** The job no longer waits. */
  leave(entry: JobEntry): void {
    const { windows, keys } = this.#parts;
    if (entry.standing === 'held') this.#held -= 1;
    else if (entry.standing === 'sent') {
      windows.free(entry);
      keys.dispatched(entry.current, -1);
    }
    this.hasTurn(entry);
    this.unserved.leave(entry);
    this.#messageUsed(entry);
    entry.standing = 'none';
    this.probeNext(entry.queueRef.tally);
  }

  /** The message of the job is used up. The job waits for its turn in the place where it was. */
  takeBack(entry: JobEntry): void {
    this.#messageUsed(entry);
    if (entry.standing === 'held') {
      this.unserved.used(entry);
      this.probeNext(entry.queueRef.tally);
      return;
    }
    this.leave(entry);
    this.hold(entry, 'front');
  }

  /** Like `putBack`, for any number of jobs. */
  #putAllBack(jobs: readonly WaitingJob[]): void {
    this.#parts.queue.putAllBack(jobs.flatMap((job) => (isCold(job) ? [] : [job])));
    this.putBack(jobs.filter(isCold));
  }

  /** A sent job is held again. The caller gives it a place. */
  #unsend(entry: JobEntry): void {
    this.#parts.keys.dispatched(entry.current, -1);
    this.#parts.windows.free(entry);
    this.#held += 1;
    entry.standing = 'held';
  }

  #takePlace(entry: JobEntry): void {
    this.#places += 1;
    entry.place = this.#places;
  }

  #messageUsed(entry: JobEntry): void {
    entry.message = undefined;
    this.#parts.windows.messageUsed(entry);
  }
}
