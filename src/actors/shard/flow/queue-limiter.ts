/**
 * Holds the jobs of one queue in this shard back: while the queue is paused, its limits or those of a concurrency key are
 * reached, or enough of its jobs lie with the nodes. It lets them go in fair order, as many as may run.
 *
 * A job that waits is `held` (its turn has not come) or `dispatched` (a WORK message is out for it; it counts as if it ran). Held
 * ones wait in the line, `key-blocked` while their key has no room, or aside while no live node has their handler: see
 * `UnservedJobs`, which also knows the held ones that have a message out, and get no second one when their turn comes. What
 * is held survives nowhere but in the store, as every QUEUED job does: a new owner holds all of them again.
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

/** Jobs that lie with the nodes: what they start in a quarter of a second, but at least so many. */
const dispatchedLeast = 32;
const dispatchedForMs = 250;

export interface LimiterParts {
  readonly index: QueueIndex;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly work: Pick<WorkMessages, 'add' | 'send'>;
  readonly ask: LocalQuotaParts['ask'];
  /** Whether any live node has it. */
  readonly isServed: (need: HandlerNeed) => boolean;
}

/** What became of a turn: `probe` is the one message of a need that no node has. */
type Turn = 'dispatched' | 'was out' | 'probe' | 'waits';

export class QueueLimiter {
  readonly #parts: LimiterParts;
  readonly #queue: FairQueue;
  readonly #held = new Map<JobId, JobEntry>();
  /** Those held that have no message out, and when each became QUEUED. */
  readonly #undispatched = new InstantsOf<JobEntry>();
  readonly #dispatched = new Map<JobId, JobEntry>();
  readonly #unserved = new UnservedJobs();
  readonly #keys: ConcurrencyKeys;
  readonly #quota: LocalQuota;
  /** Jobs with a concurrency or fairness key have come. */
  #isKeyed = false;
  /** Undefined: not known yet; nothing goes. */
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
    // What was granted under the former rule is asked for again.
    this.#quota.revoke();
    this.#keys.revoke();
    this.pump();
  }

  /**
   * The job waits, and the store knows. While it knows an earlier record only, a message for that one would count as sent,
   * and none would be sent for this one: once it is durable, it comes here again.
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

  /** A job that was sent before there was a limiter: when its turn comes, its message is there. */
  holdUnroutable(entry: JobEntry): void {
    this.hold(entry);
    if (!this.#held.has(entry.current.id)) return;
    this.#unserved.setUnroutable(entry);
    this.#undispatched.delete(entry);
  }

  /** A job that ran when this shard was taken over. */
  restoreRunning({ current }: JobEntry): void {
    this.#isKeyed ||= hasKey(current);
    const key = this.#keys.of(current);
    if (key !== undefined) key.running += 1;
  }

  /** A decision was made about the job, which had this record before. */
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

  /** Lets go what may go. */
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
   * A node claims the job. `false`: it is held, and the message of that node is used up. If it was the latest of this owner,
   * another one is sent when the job's turn comes. Otherwise the latest is still on its way to a node.
   */
  mayStart(entry: JobEntry, isLatestMessage: boolean): boolean {
    const may = this.#mayStart(entry);
    if (!may && isLatestMessage) this.#takeBack(entry);
    return may;
  }

  /** Asks for what is needed, finds out which handlers have come or gone. */
  tick(): void {
    for (const need of this.#unserved.needs) {
      if (this.#parts.isServed(need.need)) this.#bringBack(need);
      else this.#probeNext(need);
    }
    for (const need of this.#parts.index.needs) if (!this.#parts.isServed(need.need)) this.#setUnroutable(need);
    this.pump();
    this.#keys.sweep();
  }

  /** A queue without a rule, and without jobs that have keys, needs none. */
  get isNeeded(): boolean {
    return this.#isKeyed || this.#rule === undefined || !isPlain(this.#rule);
  }

  /** What is still held and has no message, once the limiter is needed no more. */
  dissolve(): readonly JobEntry[] {
    const untold = [...this.#undispatched.keys()];
    this.#held.clear();
    this.#undispatched.clear();
    return untold;
  }

  /** When `ask` is due. */
  askDueMs(): number {
    return Math.min(this.#isLimited ? this.#quota.dueMs() : Infinity, this.#keys.dueMs());
  }

  ask(): void {
    const nowMs = this.#parts.monotonicMs();
    if (this.#isLimited) this.#quota.askIfDue(nowMs);
    this.#keys.askIfDue(nowMs);
  }

  /**
   * What runs or may start at any moment of the limits that are asked for: the queue's own has no key. Told to a new owner
   * of their home, so what a former one had granted is over.
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

  /** `out`: a WORK message was sent for it. `unknown`: it is in none of the lists. */
  standingOf(entry: JobEntry): 'held' | 'out' | 'unknown' {
    const { id } = entry.current;
    if (this.#dispatched.has(id) || this.#unserved.isUnroutable(entry)) return 'out';
    return this.#held.has(id) ? 'held' : 'unknown';
  }

  /** What holds the job back; undefined: nothing but others before it. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    if (this.#rule?.paused === true) return 'pause';
    if (!this.#held.has(entry.current.id) || this.#unserved.isAside(entry)) return undefined;
    const key = this.#keys.of(entry.current);
    if (key?.blocked.has(entry) === true) return 'key';
    if (!this.#isLimited || this.#limitRoom() > 0) return undefined;
    return this.#quota.lacksStarts({ using: this.#using, dispatched: this.#dispatched.size }) ? 'rate' : 'running';
  }

  /** Jobs whose turn has come, while their concurrency key has no room. */
  get heldByKey(): number {
    return this.#keys.blocked;
  }

  /** When the one among those without a message that became QUEUED first did so; Infinity without one. */
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

  /** Those that could go if there were room. */
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
      // A node has come: its turn is after those that stood aside before it.
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
    // It took the place of one that could go.
    this.#keys.unblock(key);
  }

  /** A node has the handler: what stood aside waits for its turn again, in the order in which that had come. */
  #bringBack(need: NeedTally): void {
    this.#queue.putAllBack(this.#takeFromAside(need));
  }

  /** While no message of a need is out, the next of its jobs gets a turn. */
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

  /** No node has the handler any more: what was sent counts no longer, and keeps its message. */
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

  /** It waits no more, or not like this. */
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

  /** Its message is used up: it waits for its turn where it was. */
  #takeBack(entry: JobEntry): void {
    const wasSent = this.#dispatched.has(entry.current.id);
    if (wasSent) this.#leave(entry);
    this.#unserved.used(entry);
    if (this.#held.has(entry.current.id)) this.#undispatched.set(entry, queuedAtMs(entry.current));
    this.#probeNext(entry.queueRef.tally);
    this.hold(entry, wasSent ? 'front' : 'back');
  }
}

/** Whether jobs of a queue pass through a limiter: most do not. */
export function needsLimiter(rule: FlowRule | undefined, record: JobRecord): boolean {
  return rule === undefined || !isPlain(rule) || hasKey(record);
}

function hasKey({ spec }: JobRecord): boolean {
  return spec.concurrencyKey !== undefined || spec.fairnessKey !== undefined;
}
