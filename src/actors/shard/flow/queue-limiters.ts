/** The limiters of a shard: one for each queue that has had waiting jobs and still has unfinished ones. */
import { type SlicedWork, sortedInSlices } from '../../../domain/sliced-work.ts';
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { QuotaItem, QuotaResult, HeldBy, LimitUse } from '../../../application/ports/shard-protocol.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobTable } from '../table/job-table.ts';
import type { ColdRoom } from './cold-room.ts';
import { isCold, type WaitingJob } from './placed-jobs.ts';
import type { WorkSender } from './work-sender.ts';
import { QueueLimiter } from './queue-limiter.ts';
import type { Priority } from '../../../domain/priority.ts';
import type { ColdJobs, ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import { given } from '../../../domain/given.ts';

/** How long to wait for an answer of a limit's home. */
const askMaxMs = 2_000;
/** How many jobs are looked at in one message whether they may become cold. It takes a few ms. */
const coolMax = 500;
/** Making a limiter, and its first look, cost as much as so many jobs. */
const limiterJobs = 20;
/** How long a question takes that is not sent, because the lease is not sure. */
const unsureMs = 500;

export interface QueueLimitersParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<
    ShardServices,
    'dispatchWindows' | 'everyNodeHas' | 'flowRules' | 'leaseIsSure' | 'peers' | 'shardCount' | 'someNodeHas'
  >;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly nowMs: () => number;
  readonly work: WorkSender;
  readonly cold: ColdRoom;
}

export class QueueLimiters {
  readonly #parts: QueueLimitersParts;
  readonly #limiters = new Map<QueueIndex, QueueLimiter>();
  /** Those with limits that have a home. The others are never asked when they have to ask it. */
  readonly #asking = new Set<QueueLimiter>();
  /** Queues whose rule has changed and was not applied yet, at most one entry each. */
  readonly #rulesToRead = new Map<string, { readonly tenant: string; readonly queue: string }>();
  /** Those that have turns left, see `QueueLimiter.pump`. */
  readonly #goingOn = new Set<QueueLimiter>();
  /** Those with jobs that may become cold and were not looked at since the last tick. */
  readonly #cooling = new Set<QueueLimiter>();
  #armedMs = Infinity;
  #armAsked = false;
  /** Counts the questions to homes of limits. The number orders them. */
  #asked = 0;

  constructor(parts: QueueLimitersParts) {
    this.#parts = parts;
  }

  /** The job waits, and the store knows it. The caller sends what was added to the outbox. */
  ready(entry: JobEntry): void {
    const limiter = this.#limiterOf(entry.queueRef.index);
    limiter.ready(entry);
    this.#asks(limiter);
  }

  /**
   * Called once at a recovery, when the table has all jobs. All windows are filled, because nobody knows which messages
   * of a former owner are still there. If a job gets one too many, its claim is refused.
   */
  *begin(): SlicedWork {
    const { table } = this.#parts;
    for (const index of table.queues.all()) {
      for (const entry of index.waiting.flatMap((ofLevel) => [...ofLevel.values()])) {
        this.#limiterOf(index).hold(entry);
        yield 1;
      }
    }
    yield* this.#holdCold();
    for (const running of table.running()) this.#limiterOf(running.queueRef.index).restoreRunning(running);
    for (const limiter of this.#limiters.values()) {
      limiter.pump();
      if (limiter.asksHomes) this.#asking.add(limiter);
      yield limiterJobs;
    }
    this.#armTimer();
  }

  /** Holds the cold jobs that wait, by queue, in the order in which they became QUEUED. */
  *#holdCold(): SlicedWork {
    const { cold } = this.#parts.table;
    for (const [index, slots] of yield* coldQueues(cold)) {
      const limiter = this.#limiterOf(index);
      yield limiterJobs;
      for (const slot of yield* sortedInSlices(slots, (one, other) => cold.compareReady(one, other))) {
        limiter.holdCold(slot, cold);
        yield 1;
      }
    }
  }

  /** See `QueueLimiter.leavesCold`. */
  leavesCold(slot: ColdSlot): void {
    const { cold } = this.#parts.table;
    if (cold.stateOf(slot) === 'QUEUED') this.#limiters.get(cold.shapeOf(slot).index)?.leavesCold(slot);
  }

  /** See `QueueLimiter.warmed`. */
  warmed(entry: JobEntry): void {
    if (entry.current.state === 'QUEUED') this.#limiterOf(entry.queueRef.index).warmed(entry);
  }

  moved(entry: JobEntry, before: JobRecord): void {
    const limiter = this.#limiters.get(entry.queueRef.index);
    if (limiter === undefined) return;
    limiter.moved(entry, before);
    this.#asks(limiter);
  }

  /** See `QueueLimiter.claim`. */
  claim(entry: JobEntry, isLatestMessage: boolean): 'start' | 'later' | 'drop' {
    const limiter = this.#limiterOf(entry.queueRef.index);
    const answer = limiter.claim(entry, isLatestMessage);
    this.#asks(limiter);
    return answer;
  }

  /** Records that a rule was read or has changed. `applyRules` looks at it later, while the actor handles a message. */
  noteRule(tenant: string, queue: string): void {
    this.#rulesToRead.set(`${tenant}/${queue}`, { tenant, queue });
  }

  applyRules(): void {
    for (const { tenant, queue } of this.#rulesToRead.values()) this.#applyRule(tenant, queue);
    this.#rulesToRead.clear();
  }

  #applyRule(tenant: string, queue: string): void {
    const index = this.#parts.table.queues.get(tenant, queue);
    if (index === undefined) return;
    const limiter = this.#limiters.get(index);
    if (limiter === undefined) return;
    limiter.setRule(this.#parts.services.flowRules.ruleOf(tenant, queue));
    this.#asks(limiter);
    this.#armTimer();
  }

  /** The next turns of the limiters that have more than one message of the shard may take. */
  goOn(): void {
    this.#cool();
    const limiters = [...this.#goingOn];
    this.#goingOn.clear();
    for (const limiter of limiters) {
      limiter.pump();
      this.#asks(limiter);
    }
  }

  tick(): void {
    this.applyRules();
    this.#goingOn.clear();
    for (const [index, limiter] of this.#limiters) {
      limiter.tick();
      if (limiter.isIdle) this.#limiters.delete(index);
      this.#cooling.add(limiter);
      // A key that nobody used is known anew when jobs come back that stood aside.
      if (limiter.asksHomes && !limiter.isIdle) this.#asking.add(limiter);
      else this.#asking.delete(limiter);
    }
    this.#armTimer();
    this.#cool();
  }

  /** See `QueueLimiter.cool`. Looks at some jobs in each message of the shard. */
  #cool(): void {
    let left = coolMax;
    for (const limiter of this.#cooling) {
      left = limiter.cool(left);
      if (left <= 0) break;
      this.#cooling.delete(limiter);
    }
    // A full mailbox drops the message. The next tick begins anew.
    if (this.#cooling.size > 0) this.#parts.context.self.tell({ kind: 'turns-left' });
  }

  /** The jobs with a WORK message out, by queue and level. */
  *out(): Generator<{ readonly tenant: string; readonly jobs: ReadonlySet<JobEntry> }, void> {
    for (const [{ tenant }, limiter] of this.#limiters) for (const jobs of limiter.windows.out) yield { tenant, jobs };
  }

  /** No held job became QUEUED before this instant. Infinity if none is held. */
  oldestHeldAtMs(): number {
    let oldest = Infinity;
    for (const limiter of this.#limiters.values()) oldest = Math.min(oldest, limiter.oldestHeldAtMs());
    return oldest;
  }

  /** What holds the job back. Undefined: nothing here does. */
  heldBy(job: WaitingJob): HeldBy | undefined {
    const { index } = isCold(job) ? this.#parts.table.cold.shapeOf(job) : job.queueRef;
    return this.#limiters.get(index)?.heldBy(job);
  }

  /** Cold jobs of a level that come before a place, counted up to `most`. */
  coldBefore(index: QueueIndex, priority: Priority, place: number, most: number): number {
    return this.#limiters.get(index)?.coldBefore(priority, place, most) ?? 0;
  }

  /** For each queue, how many of its jobs wait only for room in their concurrency key. */
  heldByKey(): { readonly tenant: string; readonly queue: string; readonly jobs: number }[] {
    const held = [...this.#limiters].map(([{ tenant, queue }, limiter]) => ({
      tenant,
      queue,
      jobs: limiter.heldByKey,
    }));
    return held.filter(({ jobs }) => jobs > 0);
  }

  /** How much is used of the limits that have their home there. See `QueueLimiter.reportUsage`. */
  reportUsage(home: number, homeEpoch: number): LimitUse[] {
    const uses: LimitUse[] = [];
    for (const [{ tenant, queue }, limiter] of this.#limiters) {
      const limitOf = (key?: string) => ({ tenant, queue, ...given({ key }) });
      const isOfHome = (key?: string): boolean => homeOfLimit(limitOf(key), this.#parts.services.shardCount) === home;
      for (const { key, using } of limiter.reportUsage(isOfHome, homeEpoch)) {
        // A limit without a row is not used. Waiting jobs may have very many keys, and the answer is one message.
        if (using > 0) uses.push({ ...limitOf(key), using });
      }
    }
    return uses;
  }

  stop(): void {
    for (const { windows } of this.#limiters.values()) windows.stop();
  }

  #limiterOf(index: QueueIndex): QueueLimiter {
    const present = this.#limiters.get(index);
    if (present !== undefined) return present;
    const { context, nowMs, work, cold, services } = this.#parts;
    const limiter: QueueLimiter = new QueueLimiter(
      {
        index,
        nowMs,
        monotonicMs: () => context.clock.monotonicMs(),
        work,
        cold,
        windows: services.dispatchWindows,
        ask: (question, answered) => {
          this.#ask(question, answered);
        },
        goOn: () => {
          this.#goOn(limiter);
        },
        loaded: () => {
          this.#asks(limiter);
        },
        isServed: (need) => services.someNodeHas(need),
        everyNodeHas: (need) => services.everyNodeHas(need),
      },
      services.flowRules.ruleOf(index.tenant, index.queue),
    );
    this.#limiters.set(index, limiter);
    return limiter;
  }

  #goOn(limiter: QueueLimiter): void {
    if (this.#goingOn.size === 0) this.#parts.context.self.tell({ kind: 'turns-left' });
    // A full mailbox drops the message. The next tick pumps all limiters.
    this.#goingOn.add(limiter);
  }

  #ask(question: Omit<QuotaItem, 'holder'>, answered: (answer: QuotaResult | undefined) => void): void {
    const { shard, epoch, services, context } = this.#parts;
    // This owner may have a successor. Then its own usage is not the usage of the shard.
    if (!services.leaseIsSure()) {
      // Not at once: each key that knows that it has no answer lets the next one of a backlog ask.
      const over = new Promise<void>((resolve) => context.clock.setTimer(unsureMs, resolve));
      whenAnswered(context, 'shard', over, () => {
        answered(undefined);
        this.#armTimer();
      });
      return;
    }
    const home = homeOfLimit(question, services.shardCount);
    const deadlineAtMs = context.clock.nowMs() + askMaxMs;
    this.#asked += 1;
    const item = { ...question, holder: shard, order: { epoch, number: this.#asked } };
    const asked = services.peers.call(home, 'leaseQuota', item, { deadlineAtMs });
    whenAnswered(context, 'shard', asked, (outcome) => {
      answered(outcome.status === 'fulfilled' ? outcome.value : undefined);
      this.#armTimer();
    });
  }

  /** Arms the timer once for all decisions of a turn, because arming looks at every key of every limiter. */
  #asks(limiter: QueueLimiter): void {
    if (limiter.asksHomes) this.#asking.add(limiter);
    if (this.#armAsked || !this.#asking.has(limiter)) return;
    this.#armAsked = true;
    if (!this.#parts.context.self.tell({ kind: 'quota-needs-changed' })) this.needsChanged();
  }

  /** Called at the end of a turn in which the limiters' needs of quota may have changed. */
  needsChanged(): void {
    this.#armAsked = false;
    this.#armTimer();
  }

  /** One timer serves all questions. */
  #armTimer(): void {
    let dueMs = Infinity;
    for (const limiter of this.#asking) dueMs = Math.min(dueMs, limiter.askDueMs());
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (dueMs === Infinity || (dueMs >= this.#armedMs && this.#armedMs > nowMs)) return;
    this.#armedMs = dueMs;
    this.#parts.context.setTimer('limiters', Math.max(0, dueMs - nowMs), { kind: 'quota-due' });
  }

  /** Sends the questions that are due to the homes of the limits. */
  askHomes(): void {
    this.#armedMs = Infinity;
    for (const limiter of this.#asking) limiter.ask();
    this.#armTimer();
  }
}

/** The cold jobs that wait, by queue. */
function* coldQueues(cold: ColdJobs): SlicedWork<ReadonlyMap<QueueIndex, readonly ColdSlot[]>> {
  const byQueue = new Map<QueueIndex, ColdSlot[]>();
  for (const slot of cold.slots()) {
    yield 1;
    if (cold.stateOf(slot) !== 'QUEUED') continue;
    const { index } = cold.shapeOf(slot);
    const ofQueue = byQueue.get(index) ?? [];
    if (ofQueue.length === 0) byQueue.set(index, ofQueue);
    ofQueue.push(slot);
  }
  return byQueue;
}
