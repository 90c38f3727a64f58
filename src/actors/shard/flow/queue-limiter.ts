/**
 * Decides which jobs of one queue in this shard have a WORK message out. It holds jobs back while enough jobs of their
 * level are dispatched, while the queue is paused, and while its limits or those of a concurrency key are reached. It
 * dispatches jobs in fair order, as many as may run.
 *
 * A waiting job is either `held` (its turn has not come) or `sent` (a WORK message is out for it, and it counts as
 * running). A held job waits in its line. It is `key-blocked` while its key has no room, and it stands aside while no
 * live node has its handler: see `UnservedJobs`. `UnservedJobs` also knows which held jobs have a message out; those
 * get no second message when their turn comes. Which jobs are held is kept in memory only. The store knows them as
 * QUEUED, and a new owner holds all of them again.
 */
import type { HeldBy } from '../../../application/ports/shard-protocol.ts';
import type { FlowRule } from '../../../domain/flow-rule.ts';
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { defaultPriority, type Priority } from '../../../domain/priority.ts';
import type { LocalQuotaParts } from './local-quota.ts';
import { ConcurrencyKeys, type KeyState } from './concurrency-keys.ts';
import type { DispatchWindows } from './dispatch-windows.ts';
import type { WorkMessages } from '../dispatch/work-messages.ts';
import { FairQueue } from './fair-queue.ts';
import { LevelWindows } from './level-windows.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { NeedTally, QueueIndex } from '../table/queue-index.ts';
import { QueueQuota } from './queue-quota.ts';
import { UnservedJobs } from './unserved-jobs.ts';

export interface LimiterParts {
  readonly index: QueueIndex;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly work: Pick<WorkMessages, 'add' | 'send'>;
  readonly windows: DispatchWindows;
  readonly ask: LocalQuotaParts['ask'];
  /** Whether any live node has the handler. */
  readonly isServed: (need: HandlerNeed) => boolean;
}

/** The result of a turn. `probe`: the job's message is the only one that is sent for a need that no node has. */
type Turn = 'dispatched' | 'was out' | 'probe' | 'waits';

export class QueueLimiter {
  readonly #parts: LimiterParts;
  readonly #queue: FairQueue;
  /** The jobs with a WORK message out. */
  readonly windows: LevelWindows;
  readonly #unserved = new UnservedJobs();
  readonly #keys: ConcurrencyKeys;
  readonly #quota: QueueQuota;
  #held = 0;
  /** Undefined while the rule is not known yet. Then no job goes. */
  #rule: FlowRule | undefined;

  constructor(parts: LimiterParts, rule: FlowRule | undefined) {
    this.#parts = parts;
    this.#queue = new FairQueue(({ standing }) => standing === 'held', parts.monotonicMs);
    this.windows = new LevelWindows(parts.windows);
    const { index, ask, monotonicMs } = parts;
    const changed = (): void => this.pump();
    const unblock = (entry: JobEntry): void => this.#queue.putBack(entry);
    this.#keys = new ConcurrencyKeys({ index, ask, monotonicMs, unblock, changed });
    const { windows } = this;
    this.#quota = new QueueQuota({ index, windows, monotonicMs, waiting: () => this.#waiting, ask, changed });
    this.#applyRule(rule);
  }

  setRule(rule: FlowRule | undefined): void {
    const wasLimited = this.#quota.isLimited;
    this.#applyRule(rule);
    if (this.#quota.isLimited && !wasLimited) this.#recall();
    this.pump();
  }

  /** The job waits, and the store knows it. Its message is added at once if no job has to wait before it. */
  ready(entry: JobEntry): void {
    if (!this.#mayGoAtOnce(entry)) {
      this.hold(entry);
      this.pump();
      return;
    }
    entry.standing = 'sent';
    this.windows.send(entry);
    this.#dispatch(entry);
  }

  /**
   * Holds a job that waits, if the store knows that it waits. While the store knows only an earlier record of the job,
   * this does nothing: a message that is out for the earlier record would count as sent, and none would be sent for the
   * present one. The job comes here again once its present record is durable.
   */
  hold(entry: JobEntry, at: 'front' | 'back' = 'back'): void {
    if (entry.current.state !== 'QUEUED' || entry.durable !== entry.current || entry.standing !== 'none') return;
    entry.standing = 'held';
    this.#held += 1;
    const key = this.#keys.of(entry.current);
    if (key !== undefined) key.held += 1;
    if (at === 'front') this.#queue.putBack(entry);
    else this.#queue.push(entry);
  }

  /** Counts a job that was running when this shard was recovered. */
  restoreRunning({ current }: JobEntry): void {
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
    if (this.#held === 0 || this.#rule === undefined || this.#rule.paused === true) return;
    let room = this.#quota.room();
    const size = this.#windowSize;
    const mayFill = (level: Priority): boolean => this.windows.mayFill(level, size);
    let added = 0;
    const use = (entry: JobEntry): boolean => {
      const turn = this.#turn(entry);
      if (turn === 'dispatched' || turn === 'was out') room -= 1;
      const isNew = turn === 'dispatched' || turn === 'probe';
      if (isNew) added += 1;
      return isNew;
    };
    while (room > 0 && this.#held > 0 && this.#queue.shift(mayFill, use));
    if (added > 0) this.#parts.work.send();
  }

  /**
   * A node claims the job with a message. `later`: the store does not know yet that the job waits. `drop`: the job
   * gets another message when its turn comes, or its latest one is still on its way to a node.
   */
  claim(entry: JobEntry, isLatestMessage: boolean): 'start' | 'later' | 'drop' {
    if (entry.durable !== entry.current) return 'later';
    if (entry.standing === 'none') {
      this.hold(entry);
      this.pump();
      return 'later';
    }
    if (this.#mayStart(entry)) return 'start';
    if (isLatestMessage && entry.message !== undefined) this.#takeBack(entry);
    return 'drop';
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

  /** Whether there are limits with a home, which has to be asked. */
  get asksHomes(): boolean {
    return this.#quota.isLimited || this.#keys.size > 0;
  }

  /** When `ask` has to be called. */
  askDueMs(): number {
    return Math.min(this.#quota.dueMs(), this.#keys.dueMs());
  }

  ask(): void {
    const nowMs = this.#parts.monotonicMs();
    this.#quota.askIfDue(nowMs);
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
    if (this.#quota.isLimited && isOfHome()) {
      this.#quota.revoke(homeEpoch);
      yield { using: this.#quota.using };
    }
    for (const [key, { running, dispatched, quota }] of this.#keys.entries()) {
      if (!isOfHome(key)) continue;
      quota.revoke(homeEpoch);
      yield { key, using: running + dispatched };
    }
  }

  /** What holds the job back. Undefined: only the jobs before it. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    if (this.#rule?.paused === true) return 'pause';
    if (entry.standing !== 'held' || this.#unserved.isAside(entry)) return undefined;
    const key = this.#keys.of(entry.current);
    return key?.blocked.has(entry) === true ? 'key' : this.#quota.heldBy;
  }

  /** Jobs that had their turn while their concurrency key had no room. */
  get heldByKey(): number {
    return this.#keys.blocked;
  }

  /** No held job became QUEUED before this instant. Infinity if none is held. */
  oldestHeldAtMs(): number {
    return this.#held === 0 ? Infinity : (this.#parts.index.oldestReadyAtMs ?? Infinity);
  }

  get isIdle(): boolean {
    return this.#held + this.windows.sent + this.#keys.size === 0 && this.#parts.index.isIdle && this.#quota.isIdle;
  }

  #applyRule(rule: FlowRule | undefined): void {
    this.#rule = rule;
    this.#queue.setWeights(rule?.fairnessWeights ?? {});
    this.#quota.setRule(rule);
    this.#keys.revoke();
  }

  /** The usual case of a queue without limits whose jobs start faster than they come. */
  #mayGoAtOnce({ current: { spec }, durable, current, standing, queueRef: { tally } }: JobEntry): boolean {
    if (this.#held > 0 || this.#rule === undefined || this.#rule.paused === true || this.#quota.isLimited) return false;
    if (current.state !== 'QUEUED' || durable !== current || standing !== 'none') return false;
    if (spec.concurrencyKey !== undefined || !this.#parts.isServed(tally.need)) return false;
    return this.windows.hasRoom(spec.priority ?? defaultPriority, this.#windowSize);
  }

  get #windowSize(): number {
    const { windows, index, nowMs } = this.#parts;
    return windows.sizeFor(index.starts.perSecond(nowMs()));
  }

  #mayStart({ current, standing, message }: JobEntry): boolean {
    if (this.#rule === undefined || this.#rule.paused === true) return false;
    if (standing === 'sent') return true;
    if (message === undefined) return false;
    const key = this.#keys.of(current);
    return this.#quota.room() > 0 && (key === undefined || this.#keys.room(key) > 0);
  }

  /** Held jobs that could go if there were room. */
  get #waiting(): number {
    return this.#held - this.#keys.blocked - this.#unserved.asideCount;
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
      this.#dispatch(entry);
      return 'probe';
    }
    if (this.#unserved.hasAside(need)) {
      // A node with the handler has come. The jobs that stood aside have their turn before this one.
      this.#queue.putBack(entry);
      this.#bringBack(need);
      return 'waits';
    }
    const wasOut = entry.message !== undefined;
    this.#unserved.leave(entry);
    this.#held -= 1;
    if (key !== undefined) {
      key.held -= 1;
      key.dispatched += 1;
    }
    entry.standing = 'sent';
    this.windows.send(entry);
    if (wasOut) return 'was out';
    this.#dispatch(entry);
    return 'dispatched';
  }

  #dispatch(entry: JobEntry): void {
    this.#parts.work.add(entry);
    this.windows.messageOut(entry);
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

  /** No node has the handler any more. Sent jobs no longer count as running, but keep their messages. */
  #setUnroutable(need: NeedTally): void {
    const sent = this.windows.sentJobs().filter(({ queueRef }) => queueRef.tally === need);
    if (sent.length === 0) return;
    for (const entry of sent) this.#unsend(entry);
    this.#unserved.setAsideUnroutable(need, sent);
  }

  /**
   * The queue has a limit now. Sent jobs wait for their turn again and keep their messages: each message starts its
   * job only if there is room.
   */
  #recall(): void {
    for (const entry of this.windows.sentJobs().reverse()) {
      this.#unsend(entry);
      this.#unserved.setUnroutable(entry);
      const key = this.#keys.of(entry.current);
      if (key !== undefined) key.held += 1;
      this.#queue.putBack(entry);
    }
  }

  /** A sent job is held again. The caller gives it a place. */
  #unsend(entry: JobEntry): void {
    const key = this.#keys.of(entry.current);
    if (key !== undefined) key.dispatched -= 1;
    this.windows.free(entry);
    this.#held += 1;
    entry.standing = 'held';
  }

  /** The job no longer waits. */
  #leave(entry: JobEntry): void {
    const key = this.#keys.of(entry.current);
    if (entry.standing === 'held') {
      this.#held -= 1;
      if (key !== undefined && !this.#unserved.isAside(entry)) key.held -= 1;
    } else if (entry.standing === 'sent') {
      this.windows.free(entry);
      if (key !== undefined) key.dispatched -= 1;
    }
    if (key !== undefined) this.#keys.leave(key, entry);
    this.#unserved.leave(entry);
    this.#messageUsed(entry);
    entry.standing = 'none';
    this.#probeNext(entry.queueRef.tally);
  }

  /** The message of the job is used up. The job waits for its turn in the place where it was. */
  #takeBack(entry: JobEntry): void {
    this.#messageUsed(entry);
    if (entry.standing === 'held') {
      this.#unserved.used(entry);
      this.#probeNext(entry.queueRef.tally);
      return;
    }
    this.#leave(entry);
    this.hold(entry, 'front');
  }

  #messageUsed(entry: JobEntry): void {
    entry.message = undefined;
    this.windows.messageUsed(entry);
  }
}
