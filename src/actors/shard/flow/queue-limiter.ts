/**
 * Decides which jobs of one queue in this shard have a WORK message out. It holds jobs back while enough jobs of their
 * level are dispatched, while the queue is paused, and while its limits or those of a concurrency key are reached. It
 * dispatches jobs in fair order, as many as may run.
 *
 * Where each job stands is kept in `JobStandings`, in memory only. The store knows the jobs as QUEUED, and a new owner
 * holds all of them again.
 */
import type { HeldBy } from '../../../application/ports/shard-protocol.ts';
import type { FlowRule } from '../../../domain/flow-rule.ts';
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { Priority } from '../../../domain/priority.ts';
import type { AsksHomes } from './limit-questions.ts';
import type { LocalQuotaParts } from './local-quota.ts';
import { ConcurrencyKeys } from './concurrency-keys.ts';
import type { DispatchWindows } from '../services/dispatch-windows.ts';
import { isCold, keyOf, tallyOf, type WaitingJob } from './placed-jobs.ts';
import { type ColdRoom, coldRoomOf } from './cold-room.ts';
import type { WorkSender } from './work-sender.ts';
import { type DispatchParts, dispatchJobs } from './dispatch-jobs.ts';
import { FairQueue } from './fair-queue.ts';
import { JobStandings } from './job-standings.ts';
import { OutsideJobs } from './outside-jobs.ts';
import { RouteWindows } from './route-windows.ts';
import type { ColdJobs, ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import { QueueQuota } from './queue-quota.ts';
import { QueueTurns } from './queue-turns.ts';
import type { TakesTurns, TenantQuota } from './tenant-quota.ts';

export interface LimiterParts {
  readonly index: QueueIndex;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly work: WorkSender;
  readonly cold: ColdRoom;
  readonly windows: DispatchWindows;
  /** The quota of the tenant. Without one it has room for any number, and is not asked for turns. */
  readonly tenant: Pick<TenantQuota<QueueLimiter>, 'hasWork' | 'isLimited' | 'room'>;
  readonly ask: LocalQuotaParts['ask'];
  /** Called when jobs may still have their turn, after as many turns as one message of the shard may take. */
  readonly goOn: () => void;
  /** Called when jobs were loaded and had their turn. So keys may have to ask their homes. */
  readonly loaded: () => void;
  /** Whether any live node has the handler. */
  readonly isServed: (need: HandlerNeed) => boolean;
  /** Whether every live worker node has the handler. */
  readonly everyNodeHas: (need: HandlerNeed) => boolean;
}

/** Cold jobs of a line that are loaded at a time, at least. */
const batchMin = 2;

export class QueueLimiter implements AsksHomes, TakesTurns {
  readonly #parts: LimiterParts;
  readonly index: QueueIndex;
  readonly #queue: FairQueue;
  /** The jobs with a WORK message out. */
  readonly windows: RouteWindows;
  readonly #standings: JobStandings;
  readonly #keys: ConcurrencyKeys;
  readonly #quota: QueueQuota;
  readonly #turns: QueueTurns;
  readonly #dispatching: DispatchParts;
  readonly #outside: OutsideJobs;
  /** Undefined while the rule is not known yet. Then no job goes. */
  #rule: FlowRule | undefined;
  /** Somebody has paused the queue, or its tenant. */
  isPaused = false;
  /** No cold job became QUEUED before this. Exact at each tick. */
  #oldestColdMs = Infinity;

  constructor(parts: LimiterParts, rule: FlowRule | undefined) {
    this.#parts = parts;
    const { index, ask, monotonicMs, cold } = parts;
    this.index = index;
    const changed = (): void => this.pump();
    this.#queue = new FairQueue({
      isHeld: ({ standing }) => standing === 'held',
      monotonicMs,
      cold: coldRoomOf(cold, { cool: this.#cool, warmed: (entry) => this.#standings.warmed(entry) }),
      batch: () => this.#batch,
      coldTurn: (slot, taken) => this.#turns.cold(slot, taken),
      loaded: () => {
        this.pump();
        parts.loaded();
      },
    });
    index.oldestColdAtMs = () => this.#oldestColdMs;
    const unblock = (jobs: readonly WaitingJob[]): void => this.#standings.putBack(jobs);
    const { everyNodeHas } = parts;
    const outside = new OutsideJobs(() => cold.newTail());
    this.#outside = outside;
    const { ofTenant } = index;
    this.windows = new RouteWindows({ windows: parts.windows, ofTenant, everyNodeHas, cold, outside, unblock });
    const isOpen = (): boolean => this.#isOpen;
    this.#keys = new ConcurrencyKeys({ index, ask, monotonicMs, isOpen, outside, unblock, changed });
    const { windows } = this;
    this.#standings = new JobStandings({ queue: this.#queue, windows, keys: this.#keys, cold, outside });
    const waiting = (): number => this.#standings.waiting;
    this.#quota = new QueueQuota({ ...parts, windows, waiting, changed });
    this.#turns = new QueueTurns({
      cold,
      windows,
      keys: this.#keys,
      standings: this.#standings,
      isServed: parts.isServed,
      room: () => this.#quota.room(),
      windowSize: () => this.#windowSize,
      dispatch: (entry) => this.#addMessage(entry),
    });
    this.#dispatching = {
      ...parts,
      queue: this.#queue,
      windows,
      standings: this.#standings,
      keys: this.#keys,
      quota: this.#quota,
      turns: this.#turns,
      windowSize: () => this.#windowSize,
    };
    this.#applyRule(rule);
  }

  /**
   * If the queue has a limit now, sent jobs wait for their turn again. Each message that is out starts its job only if
   * there is room.
   */
  setRule(rule: FlowRule | undefined): void {
    const wasLimited = this.#quota.isLimited;
    this.#applyRule(rule);
    if (this.#quota.isLimited && !wasLimited) this.recall();
    this.pump();
  }

  /** Sent jobs wait for their turn again. */
  recall(): void {
    this.#standings.recall();
  }

  /** The job waits, and the store knows it. Its message is added at once if no job has to wait before it. */
  ready(entry: JobEntry): void {
    if (!this.#mayGoAtOnce(entry)) {
      this.hold(entry);
      this.pump();
      return;
    }
    this.#standings.sendAtOnce(entry);
    this.#addMessage(entry);
  }

  /** See `JobStandings.hold`. */
  hold(entry: JobEntry): void {
    this.windows.sees(entry.queueRef.tally);
    this.#standings.hold(entry);
  }

  /** Holds a cold job that waits. Called at a recovery, in the order in which the jobs became QUEUED. */
  holdCold(slot: ColdSlot, cold: Pick<ColdJobs, 'setPlace' | 'shapeOf'>): void {
    this.windows.sees(cold.shapeOf(slot).tally);
    this.#standings.holdCold(slot, cold);
    this.#isCold(slot);
  }

  /** The record of a cold job comes into memory. */
  leavesCold(slot: ColdSlot): void {
    this.#standings.leavesCold(slot);
  }

  /** The record of a held job was loaded because something has to be decided about it, not because it is its turn. */
  warmed(entry: JobEntry): void {
    this.#standings.warmed(entry);
    this.#queue.putBack(entry);
  }

  /** Counts a job that was running when this shard was recovered. */
  restoreRunning({ current }: JobEntry): void {
    this.#keys.ran(current, 1);
  }

  /** A decision was made about the job. `before` is its former record. */
  moved(entry: JobEntry, before: JobRecord): void {
    const { current } = entry;
    const [ran, runs] = [before.run !== undefined, current.run !== undefined];
    if (before.state === 'QUEUED' && current.state !== 'QUEUED') this.#standings.leave(entry);
    if (runs && !ran) this.#quota.started();
    if (ran !== runs) this.#keys.ran(current, runs ? 1 : -1);
    // A job that was sent leaves room in its key also if it is cancelled before it runs.
    if (!runs) this.#keys.unblock(current);
    this.pump();
  }

  /** Goes on with what was too much for one message of the shard. */
  goOn(): void {
    this.#standings.bringBackMore();
    this.pump();
  }

  /** Dispatches as many jobs as there is room for. If the tenant has a quota, its queues take turns. */
  pump(): void {
    if (this.#standings.held === 0 || !this.#isOpen) return;
    const { tenant } = this.#parts;
    if (tenant.isLimited) tenant.hasWork(this);
    else this.dispatch(Infinity);
  }

  /** Dispatches at most so many jobs, as far as there is room for them. Returns how many it was. */
  dispatch(most: number): number {
    return this.#standings.held === 0 || !this.#isOpen ? 0 : dispatchJobs(this.#dispatching, most);
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
    if (isLatestMessage && entry.message !== undefined) this.#standings.takeBack(entry);
    return 'drop';
  }

  /** Finds out which handlers have come or gone, and dispatches what may go now. Returns how many jobs came back. */
  tick(): number {
    const { index } = this;
    const { isServed } = this.#parts;
    this.windows.refresh(index.needs);
    const { needs } = this.#standings.unserved;
    const cameBack = this.#standings.bringBack(needs.filter(({ need }) => isServed(need)));
    for (const need of needs) if (!isServed(need.need)) this.#standings.probeNext(need);
    for (const need of index.needs) if (!isServed(need.need)) this.#standings.setUnroutable(need);
    this.pump();
    this.#queue.coolAll();
    this.#outside.lookAtAll();
    this.#keys.sweep();
    this.#oldestColdMs = Math.min(this.#queue.oldestColdAtMs(), this.#standings.oldestColdAtMs());
    return cameBack;
  }

  /**
   * Drops the records of jobs that are far from their turn, and of those that had it and wait outside of their line, while
   * memory is tight. Looks at `most` jobs. Returns how many it may still look at: 0 if jobs may be left.
   */
  cool(most: number): number {
    const left = this.#queue.cool(most);
    if (left <= 0 || !this.#parts.cold.isTight || this.#hasFew) return left;
    return this.#outside.look(left, (entry) => this.#standings.coolBlocked(entry, this.#cool));
  }

  /** Hardly more jobs of the queue wait than a line keeps warm. */
  get #hasFew(): boolean {
    return this.index.waitingCount <= 2 * this.#batch;
  }

  /**
   * A tick would change nothing, until something happens to a job or the rule. No WORK message is out, and no limit has a
   * home.
   */
  get isAtRest(): boolean {
    const { held, unserved } = this.#standings;
    if (this.asksHomes || this.windows.areOut || !unserved.isEmpty || (held > 0 && this.#isOpen)) return false;
    return !this.#parts.cold.isTight || !this.#mayCool;
  }

  /** More jobs have their record in memory than should while memory is tight. */
  get #mayCool(): boolean {
    if (this.#hasFew) return false;
    return !this.#outside.isEmpty || this.index.warmCount > 2 * this.#batch * Math.max(1, this.#queue.lines);
  }

  /** Whether there are limits with a home, which has to be asked. */
  get asksHomes(): boolean {
    return this.#quota.hasHome || this.#keys.size > 0;
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
    if (this.#quota.hasHome && isOfHome()) {
      this.#quota.revoke(homeEpoch);
      yield { using: this.#quota.using };
    }
    for (const { name: key, using, revoke } of this.#keys.usages()) {
      if (!isOfHome(key)) continue;
      revoke(homeEpoch);
      yield { key, using };
    }
  }

  /** Cold jobs of a level that come before a place, counted up to `most`. */
  coldBefore(priority: Priority, place: number, most: number): number {
    return this.#queue.coldBefore(priority, place, most);
  }

  /** What holds the job back. Undefined: only the jobs before it. */
  heldBy(job: WaitingJob): HeldBy | undefined {
    if (this.isPaused) return 'pause';
    const { cold } = this.#parts;
    if (!isCold(job) && job.standing !== 'held') return undefined;
    if (this.#standings.unserved.isAside(job, tallyOf(job, cold))) return undefined;
    const key = keyOf(job, cold);
    if (key !== undefined && this.#keys.isBlocked(job, key)) return 'key';
    return this.#quota.heldBy;
  }

  get queue(): string {
    return this.index.queue;
  }

  /** Held jobs that could go if the tenant had room. */
  get startable(): number {
    return this.#isOpen ? Math.min(this.#standings.waiting, this.#quota.grantedRoom()) : 0;
  }

  /** Jobs that had their turn while their concurrency key had no room. */
  get heldByKey(): number {
    return this.#keys.blocked;
  }

  /** No held job became QUEUED before this instant. Infinity if none is held. */
  oldestHeldAtMs(): number {
    return this.#standings.held === 0 ? Infinity : (this.index.oldestReadyAtMs ?? Infinity);
  }

  get isIdle(): boolean {
    return this.#standings.held + this.windows.sent + this.#keys.size === 0 && this.index.isIdle && this.#quota.isIdle;
  }

  readonly #cool = (entry: JobEntry): ColdSlot | undefined => {
    const slot = this.#parts.cold.cool(entry);
    if (slot === undefined) return undefined;
    this.#standings.cooled(entry);
    this.#isCold(slot);
    return slot;
  };

  #isCold(slot: ColdSlot): void {
    this.#oldestColdMs = Math.min(this.#oldestColdMs, this.#parts.cold.readyAtMs(slot));
  }

  #applyRule(rule: FlowRule | undefined): void {
    [this.#rule, this.isPaused] = [rule, rule?.paused === true];
    this.#queue.setWeights(rule?.fairnessWeights ?? {});
    this.#quota.setRule(rule);
    this.#keys.revoke();
  }

  /** The usual case of a queue without limits whose jobs start faster than they come. */
  #mayGoAtOnce(entry: JobEntry): boolean {
    const { current, durable, standing, queueRef } = entry;
    if (this.#standings.held > 0 || !this.#isOpen || this.#quota.isLimited) return false;
    if (current.state !== 'QUEUED' || durable !== current || standing !== 'none') return false;
    if (current.spec.concurrencyKey !== undefined || !this.#parts.isServed(queueRef.tally.need)) return false;
    return this.windows.hasRoom(entry, this.#windowSize);
  }

  /** Jobs may start: the rule is known, and the queue is not paused. */
  get #isOpen(): boolean {
    return this.#rule !== undefined && !this.isPaused;
  }

  /** Cold jobs of a line that are loaded at a time. */
  get #batch(): number {
    return Math.max(batchMin, Math.ceil(this.#windowSize * this.#parts.cold.headShare));
  }

  get #windowSize(): number {
    const { windows, nowMs } = this.#parts;
    return windows.sizeFor(this.index.starts.perSecond(nowMs()));
  }

  #mayStart({ current, standing, message }: JobEntry): boolean {
    if (!this.#isOpen) return false;
    if (standing === 'sent') return true;
    if (message === undefined) return false;
    return this.#quota.room() > 0 && this.#keys.room(current) > 0;
  }

  #addMessage(entry: JobEntry): void {
    this.#parts.work.add(entry);
    this.windows.messageOut(entry);
  }
}
