/**
 * Holds the jobs of one queue in this shard back while the queue is paused, while its limits or those of a concurrency
 * key are reached, or while enough of its jobs are dispatched. It dispatches jobs in fair order, as many as may run.
 *
 * A waiting job is either `held` (its turn has not come) or `dispatched` (a WORK message is out for it, and it counts
 * as running). A held job waits in its line. It is `key-blocked` while its key has no room, and it stands aside while
 * no live node has its handler: see `UnservedJobs`. `UnservedJobs` also knows which held jobs have a message out; those
 * get no second message when their turn comes. Which jobs are held is kept in memory only. The store knows them as
 * QUEUED, and a new owner holds all of them again.
 */
import type { HeldBy } from '../../../application/ports/shard-protocol.ts';
import { type FlowRule, isPlain } from '../../../domain/flow-rule.ts';
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import { type JobRecord, queuedAtMs } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';
import { ConcurrencyKeys, type KeyState } from './concurrency-keys.ts';
import { InstantsOf } from '../dispatch/earliest-instant.ts';
import type { WorkMessages } from '../dispatch/work-messages.ts';
import { FairQueue } from './fair-queue.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { NeedTally, QueueIndex } from '../table/queue-index.ts';
import { UnservedJobs } from './unserved-jobs.ts';

/**
 * How many jobs may be dispatched and not started: as many as start in a quarter of a second, and at least
 * `dispatchedLeast`.
 */
const dispatchedLeast = 32;
const dispatchedForMs = 250;

export interface LimiterParts {
  readonly index: QueueIndex;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly work: Pick<WorkMessages, 'add' | 'send'>;
  readonly ask: LocalQuotaParts['ask'];
  /** Whether any live node has the handler. */
  readonly isServed: (need: HandlerNeed) => boolean;
}

/** The result of a turn. `probe`: the job's message is the only one that is sent for a need that no node has. */
type Turn = 'dispatched' | 'was out' | 'probe' | 'waits';

export class QueueLimiter {
  readonly #parts: LimiterParts;
  readonly #queue: FairQueue;
  readonly #held = new Map<JobId, JobEntry>();
  /** Held jobs that have no message out, with the time at which each became QUEUED. */
  readonly #undispatched = new InstantsOf<JobEntry>();
  readonly #dispatched = new Map<JobId, JobEntry>();
  readonly #unserved = new UnservedJobs();
  readonly #keys: ConcurrencyKeys;
  readonly #quota: LocalQuota;
  /** Whether jobs with a concurrency or fairness key have come. */
  #isKeyed = false;
  /** Undefined while the rule is not known yet. Then no job goes. */
  #rule: FlowRule | undefined;

  constructor(parts: LimiterParts, rule: FlowRule | undefined) {
    this.#parts = parts;
    this.#queue = new FairQueue((entry) => this.#held.get(entry.current.id) === entry, parts.monotonicMs);
    const { index, ask, monotonicMs } = parts;
    const changed = (): void => {
      this.pump();
    };
    const unblock = (entry: JobEntry): void => {
      this.#queue.putBack(entry);
    };
    this.#keys = new ConcurrencyKeys({ index, ask, monotonicMs, unblock, changed });
    const { tenant, queue } = index;
    this.#quota = new LocalQuota({
      limit: { tenant, queue },
      demand: () => ({ using: this.#using, waiting: this.#isLimited ? this.#waiting : 0 }),
      ask,
      changed,
    });
    this.setRule(rule);
  }

  setRule(rule: FlowRule | undefined): void {
    this.#rule = rule;
    this.#queue.setWeights(rule?.fairnessWeights ?? {});
    // What was granted under the former rule has to be asked for again.
    this.#quota.revoke();
    this.#keys.revoke();
    this.pump();
  }

  /**
   * Holds a job that waits, if the store knows that it waits. While the store knows only an earlier record of the job,
   * this does nothing: a message that is out for the earlier record would count as sent, and none would be sent for the
   * present one. The job comes here again once its present record is durable.
   */
  hold(entry: JobEntry, at: 'front' | 'back' = 'back'): void {
    const { id, state } = entry.current;
    if (state !== 'QUEUED' || entry.durable !== entry.current) return;
    if (this.#held.has(id) || this.#dispatched.has(id)) return;
    this.#held.set(id, entry);
    this.#undispatched.set(entry, queuedAtMs(entry.current));
    this.#isKeyed ||= hasKey(entry.current);
    const key = this.#keys.of(entry.current);
    if (key !== undefined) key.held += 1;
    if (at === 'front') this.#queue.putBack(entry);
    else this.#queue.push(entry);
  }

  /** Holds a job whose message was sent before there was a limiter. When its turn comes, that message is used. */
  holdUnroutable(entry: JobEntry): void {
    this.hold(entry);
    if (!this.#held.has(entry.current.id)) return;
    this.#unserved.setUnroutable(entry);
    this.#undispatched.delete(entry);
  }

  /** Counts a job that was running when this shard was recovered. */
  restoreRunning({ current }: JobEntry): void {
    this.#isKeyed ||= hasKey(current);
    const key = this.#keys.of(current);
    if (key !== undefined) key.running += 1;
  }

  /** A decision was made about the job. `before` is its former record. */
  moved(entry: JobEntry, before: JobRecord): void {
    const { current } = entry;
    const [ran, runs] = [before.run !== undefined, current.run !== undefined];
    if (before.state === 'QUEUED' && current.state !== 'QUEUED') this.#leave(entry);
    if (runs && !ran) this.#quota.started();
    const key = ran === runs ? undefined : this.#keys.of(current);
    if (key !== undefined) {
      key.running += runs ? 1 : -1;
      if (!runs) this.#keys.unblock(key);
    }
    this.pump();
  }

  /** Dispatches as many jobs as there is room for. */
  pump(): void {
    let room = this.#room();
    const use = (entry: JobEntry): boolean => {
      const turn = this.#turn(entry);
      if (turn === 'dispatched' || turn === 'was out') room -= 1;
      return turn === 'dispatched' || turn === 'probe';
    };
    while (room > 0 && this.#held.size > 0 && this.#queue.shift(use));
  }

  /**
   * A node claims the job. `false` means that the job is held; the message of that node is then used up. If it was the
   * latest message of this owner, another one is sent when the job's turn comes. Otherwise the latest one is still on
   * its way to a node.
   */
  mayStart(entry: JobEntry, isLatestMessage: boolean): boolean {
    const may = this.#mayStart(entry);
    if (!may && isLatestMessage) this.#takeBack(entry);
    return may;
  }

  /** Finds out which handlers have come or gone, and dispatches what may go now. */
  tick(): void {
    for (const need of this.#unserved.needs) {
      if (this.#parts.isServed(need.need)) this.#bringBack(need);
      else this.#probeNext(need);
    }
    for (const need of this.#parts.index.needs) if (!this.#parts.isServed(need.need)) this.#setUnroutable(need);
    this.pump();
    this.#keys.sweep();
  }

  /** A queue needs a limiter only if it has a rule, or jobs with keys. */
  get isNeeded(): boolean {
    return this.#isKeyed || this.#rule === undefined || !isPlain(this.#rule);
  }

  /** Empties a limiter that is no longer needed. Returns the held jobs that have no message out. */
  dissolve(): readonly JobEntry[] {
    const untold = [...this.#undispatched.keys()];
    this.#held.clear();
    this.#undispatched.clear();
    return untold;
  }

  /** When `ask` has to be called. */
  askDueMs(): number {
    return Math.min(this.#isLimited ? this.#quota.dueMs() : Infinity, this.#keys.dueMs());
  }

  ask(): void {
    const nowMs = this.#parts.monotonicMs();
    if (this.#isLimited) this.#quota.askIfDue(nowMs);
    this.#keys.askIfDue(nowMs);
  }

  /**
   * Reports how much is running, or may start at any moment, under the limits that have their home there. The limit of
   * the queue itself has no key. The report goes to a new owner of the home, so all grants of the former owner end
   * here.
   */
  *reportUsage(
    isOfHome: (key?: string) => boolean,
    homeEpoch: number,
  ): Generator<{ readonly key?: string; readonly using: number }> {
    if (isOfHome()) {
      this.#quota.revoke(homeEpoch);
      yield { using: this.#using };
    }
    for (const [key, { running, dispatched, quota }] of this.#keys.entries()) {
      if (!isOfHome(key)) continue;
      quota.revoke(homeEpoch);
      yield { key, using: running + dispatched };
    }
  }

  /** `out`: a WORK message was sent for the job. `unknown`: the limiter does not know the job. */
  standingOf(entry: JobEntry): 'held' | 'out' | 'unknown' {
    const { id } = entry.current;
    if (this.#dispatched.has(id) || this.#unserved.isUnroutable(entry)) return 'out';
    return this.#held.has(id) ? 'held' : 'unknown';
  }

  /** What holds the job back. Undefined: only the jobs before it. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    if (this.#rule?.paused === true) return 'pause';
    if (!this.#held.has(entry.current.id) || this.#unserved.isAside(entry)) return undefined;
    const key = this.#keys.of(entry.current);
    if (key?.blocked.has(entry) === true) return 'key';
    if (!this.#isLimited || this.#limitRoom() > 0) return undefined;
    return this.#quota.lacksStarts({ using: this.#using, dispatched: this.#dispatched.size }) ? 'rate' : 'running';
  }

  /** Jobs that had their turn while their concurrency key had no room. */
  get heldByKey(): number {
    return this.#keys.blocked;
  }

  /** When the oldest held job without a message became QUEUED. Infinity if there is none. */
  oldestHeldAtMs(): number {
    return this.#undispatched.earliestAtMs;
  }

  get isIdle(): boolean {
    const { size } = this.#keys;
    return (
      this.#held.size + this.#dispatched.size + size === 0 &&
      this.#parts.index.isIdle &&
      (!this.#isLimited || this.#quota.isIdle)
    );
  }

  #mayStart({ current }: JobEntry): boolean {
    if (this.#rule === undefined || this.#rule.paused === true) return false;
    if (this.#dispatched.has(current.id)) return true;
    const key = this.#keys.of(current);
    return this.#limitRoom() > 0 && (key === undefined || this.#keys.room(key) > 0);
  }

  get #isLimited(): boolean {
    return this.#rule?.maxRunning !== undefined || this.#rule?.rate !== undefined;
  }

  /** Held jobs that could go if there were room. */
  get #waiting(): number {
    return this.#held.size - this.#keys.blocked - this.#unserved.asideCount;
  }

  get #using(): number {
    return this.#parts.index.runningCount + this.#dispatched.size;
  }

  #room(): number {
    if (this.#rule === undefined || this.#rule.paused === true) return 0;
    const perSecond = this.#parts.index.starts.perSecond(this.#parts.nowMs());
    const window = Math.max(dispatchedLeast, Math.ceil((perSecond * dispatchedForMs) / 1_000));
    return Math.min(window - this.#dispatched.size, this.#limitRoom());
  }

  #limitRoom(): number {
    if (!this.#isLimited) return Infinity;
    return this.#quota.room(this.#parts.monotonicMs(), { using: this.#using, dispatched: this.#dispatched.size });
  }

  #turn(entry: JobEntry): Turn {
    const { tally: need } = entry.queueRef;
    const key = this.#keys.of(entry.current);
    const isServed = this.#parts.isServed(need.need);
    if (!isServed && this.#unserved.hasUnroutable(need)) {
      this.#setAside(entry, key);
      return 'waits';
    }
    if (key !== undefined && this.#keys.room(key) <= 0) {
      this.#keys.block(key, entry);
      return 'waits';
    }
    if (!isServed) {
      this.#setAside(entry, key);
      this.#unserved.setUnroutable(entry);
      this.#undispatched.delete(entry);
      this.#dispatch(entry);
      return 'probe';
    }
    if (this.#unserved.hasAside(need)) {
      // A node with the handler has come. The jobs that stood aside have their turn before this one.
      this.#queue.putBack(entry);
      this.#bringBack(need);
      return 'waits';
    }
    const wasOut = this.#unserved.isUnroutable(entry);
    this.#leave(entry);
    this.#dispatched.set(entry.current.id, entry);
    if (key !== undefined) key.dispatched += 1;
    if (wasOut) return 'was out';
    this.#dispatch(entry);
    return 'dispatched';
  }

  #dispatch(entry: JobEntry): void {
    this.#parts.work.add(entry);
    this.#parts.work.send();
  }

  #setAside(entry: JobEntry, key: KeyState | undefined): void {
    if (this.#unserved.isAside(entry)) return;
    this.#unserved.setAside(entry);
    if (key === undefined) return;
    key.held -= 1;
    // This job had taken the turn of a blocked job of its key. That one gets its turn now.
    this.#keys.unblock(key);
  }

  /** A node has the handler. The jobs that stood aside wait for their turn again, in their former order. */
  #bringBack(need: NeedTally): void {
    this.#queue.putAllBack(this.#takeFromAside(need));
  }

  /** If no message is out for this need, the next of its jobs gets a turn. */
  #probeNext(need: NeedTally): void {
    if (this.#unserved.hasUnroutable(need)) return;
    for (const entry of this.#takeFromAside(need, 1)) this.#queue.putBack(entry);
  }

  #takeFromAside(need: NeedTally, most?: number): readonly JobEntry[] {
    const taken = this.#unserved.takeBack(need, most);
    for (const { current } of taken) {
      const key = this.#keys.of(current);
      if (key !== undefined) key.held += 1;
    }
    return taken;
  }

  /** No node has the handler any more. Dispatched jobs no longer count as running, but keep their messages. */
  #setUnroutable(need: NeedTally): void {
    const dispatched = [...this.#dispatched.values()].filter(({ queueRef }) => queueRef.tally === need);
    for (const entry of dispatched) {
      const key = this.#keys.of(entry.current);
      if (key !== undefined) key.dispatched -= 1;
      this.#dispatched.delete(entry.current.id);
      this.#held.set(entry.current.id, entry);
    }
    if (dispatched.length > 0) this.#unserved.setAsideUnroutable(need, dispatched);
  }

  /** The job no longer waits, or is about to change its place. */
  #leave(entry: JobEntry): void {
    const { id } = entry.current;
    const key = this.#keys.of(entry.current);
    if (this.#held.delete(id) && key !== undefined && !this.#unserved.isAside(entry)) key.held -= 1;
    if (this.#dispatched.delete(id) && key !== undefined) key.dispatched -= 1;
    if (key !== undefined) this.#keys.leave(key, entry);
    this.#unserved.leave(entry);
    this.#undispatched.delete(entry);
    this.#probeNext(entry.queueRef.tally);
  }

  /** The message of the job is used up. The job waits for its turn in the place where it was. */
  #takeBack(entry: JobEntry): void {
    const wasSent = this.#dispatched.has(entry.current.id);
    if (wasSent) this.#leave(entry);
    this.#unserved.used(entry);
    if (this.#held.has(entry.current.id)) this.#undispatched.set(entry, queuedAtMs(entry.current));
    this.#probeNext(entry.queueRef.tally);
    this.hold(entry, wasSent ? 'front' : 'back');
  }
}

/** Whether a job passes through a limiter. The jobs of most queues do not. */
export function needsLimiter(rule: FlowRule | undefined, record: JobRecord): boolean {
  return rule === undefined || !isPlain(rule) || hasKey(record);
}

function hasKey({ spec }: JobRecord): boolean {
  return spec.concurrencyKey !== undefined || spec.fairnessKey !== undefined;
}
