/** The limiters of a shard: one for each queue that has had waiting jobs and still has unfinished ones. */
import { type SlicedWork, sortedInSlices } from '../../../domain/sliced-work.ts';
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { HeldBy, LimitUse, LimitUseItem } from '../../../application/ports/shard-protocol.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobTable } from '../table/job-table.ts';
import type { ColdRoom } from './cold-room.ts';
import { AwakeLimiters } from './awake-limiters.ts';
import { LimitQuestions } from './limit-questions.ts';
import { isCold, type WaitingJob } from './placed-jobs.ts';
import { byReady, coldQueues } from './recovered-order.ts';
import type { WorkSender } from './work-sender.ts';
import { QueueLimiter } from './queue-limiter.ts';
import { TenantQuotas } from './tenant-quotas.ts';
import type { Priority } from '../../../domain/priority.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, QueueIndex } from '../table/queue-index.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import { given } from '../../../domain/given.ts';

/** How many jobs are looked at in one message whether they may become cold. It takes a few ms. */
const coolMax = 500;
/** So many jobs that stood aside are enough for one message. */
const backMax = 2_000;
/** Making a limiter, and its first look, cost as much as so many jobs. */
const limiterJobs = 20;

export interface QueueLimitersParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<
    ShardServices,
    | 'dispatchWindows'
    | 'everyNodeHas'
    | 'fleetState'
    | 'flowRules'
    | 'leaseIsSure'
    | 'peers'
    | 'shardCount'
    | 'someNodeHas'
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
  readonly #tenants: TenantQuotas<QueueLimiter>;
  readonly #awake: AwakeLimiters;
  readonly questions: LimitQuestions;
  /** Queues whose rule has changed and was not applied yet, at most one entry each. */
  readonly #rulesToRead = new Map<string, { readonly tenant: string; readonly queue?: string }>();
  /** Those that have turns left, see `QueueLimiter.pump`. */
  readonly #goingOn = new Set<QueueLimiter>();
  /** Those with jobs that may become cold and were not looked at since the last tick. */
  readonly #cooling = new Set<QueueLimiter>();
  /** A message is on its way that goes on with all of that. */
  #goesOn = false;

  constructor(parts: QueueLimitersParts) {
    this.#parts = parts;
    this.questions = new LimitQuestions(parts);
    const hadTurn = (limiter: QueueLimiter): void => this.#changed(limiter);
    this.#tenants = new TenantQuotas({ ...parts, questions: this.questions, hadTurn });
    this.#awake = new AwakeLimiters({
      all: this.#limiters,
      fleetState: () => parts.services.fleetState(),
      isTight: () => parts.cold.isTight,
    });
  }

  /** The job waits, and the store knows it. The caller sends what was added to the outbox. */
  ready(entry: JobEntry): void {
    const limiter = this.#limiterOf(entry.queueRef.index);
    limiter.ready(entry);
    this.#changed(limiter);
  }

  /**
   * Called once at a recovery, when the table has all jobs. All windows are filled, because nobody knows which messages
   * of a former owner are still there. If a job gets one too many, its claim is refused.
   */
  *begin(): SlicedWork {
    const { table } = this.#parts;
    // Looked up before any job is held: a line that gets long makes jobs cold, and it holds those already.
    const coldOf = yield* coldQueues(table.cold);
    for (const index of table.queues.all()) {
      const warm = index.waiting.flatMap((ofLevel) => [...ofLevel.values()]);
      yield* this.#holdAll(index, [...warm, ...(coldOf.get(index) ?? [])]);
    }
    for (const running of table.running()) this.#limiterOf(running.queueRef.index).restoreRunning(running);
    for (const limiter of this.#limiters.values()) {
      limiter.pump();
      this.#awake.wake(limiter);
      this.questions.note(limiter);
      yield limiterJobs;
    }
    this.#tenants.look();
    this.questions.arm();
  }

  /** Holds the jobs of a queue that wait, in the order in which they became QUEUED. */
  *#holdAll(index: QueueIndex, jobs: readonly WaitingJob[]): SlicedWork {
    if (jobs.length === 0) return;
    const { cold } = this.#parts.table;
    const limiter = this.#limiterOf(index);
    yield limiterJobs;
    for (const job of yield* sortedInSlices(jobs, byReady(cold))) {
      if (isCold(job)) limiter.holdCold(job, cold);
      else limiter.hold(job);
      yield 1;
    }
  }

  /** See `QueueLimiter.leavesCold`. */
  leavesCold(slot: ColdSlot): void {
    const { cold } = this.#parts.table;
    const limiter = cold.stateOf(slot) === 'QUEUED' ? this.#limiters.get(cold.shapeOf(slot).index) : undefined;
    if (limiter === undefined) return;
    limiter.leavesCold(slot);
    this.#awake.wake(limiter);
  }

  /** See `QueueLimiter.warmed`. */
  warmed(entry: JobEntry): void {
    if (entry.current.state !== 'QUEUED') return;
    const limiter = this.#limiterOf(entry.queueRef.index);
    limiter.warmed(entry);
    this.#awake.wake(limiter);
  }

  moved(entry: JobEntry, before: JobRecord): void {
    const limiter = this.#limiters.get(entry.queueRef.index);
    if (limiter === undefined) return;
    limiter.moved(entry, before);
    this.#changed(limiter);
  }

  /** See `QueueLimiter.claim`. */
  claim(entry: JobEntry, isLatestMessage: boolean): 'start' | 'later' | 'drop' {
    const limiter = this.#limiterOf(entry.queueRef.index);
    const answer = limiter.claim(entry, isLatestMessage);
    this.#changed(limiter);
    return answer;
  }

  /**
   * Records that a rule was read or has changed, or those of all queues of a tenant. `applyRules` looks at it later, while
   * the actor handles a message.
   */
  noteRule(tenant: string, queue?: string): void {
    this.#rulesToRead.set(`${tenant}/${queue ?? ''}`, { tenant, ...given({ queue }) });
  }

  applyRules(): void {
    // First the tenants: a queue without a limit of its own may have one with its tenant.
    const tenants = new Set([...this.#rulesToRead.values()].map(({ tenant }) => tenant));
    for (const tenant of tenants) this.#tenants.applyRule(tenant);
    const { queues } = this.#parts.table;
    for (const { tenant, queue } of this.#rulesToRead.values()) {
      if (queue === undefined) for (const index of queues.ofTenant(tenant)) this.#applyRule(index);
      else this.#applyRule(queues.get(tenant, queue));
    }
    this.#rulesToRead.clear();
  }

  #applyRule(index: QueueIndex | undefined): void {
    if (index === undefined) return;
    const { tenant, queue } = index;
    const limiter = this.#limiters.get(index);
    if (limiter === undefined) return;
    limiter.setRule(this.#parts.services.flowRules.ruleOf(tenant, queue));
    this.#changed(limiter);
    this.questions.arm();
  }

  /** The next turns of the limiters that have more than one message of the shard may take. */
  goOn(): void {
    this.#goesOn = false;
    this.#look();
    this.#cool();
    const limiters = [...this.#goingOn];
    this.#goingOn.clear();
    for (const limiter of limiters) {
      limiter.goOn();
      this.#changed(limiter);
    }
  }

  tick(): void {
    this.#parts.services.flowRules.look();
    this.applyRules();
    this.#awake.tick();
    this.#tenants.look();
    this.#look();
    this.#cool();
  }

  /** Looks at some of the limiters that are due. The others have their look in the next messages. */
  #look(): void {
    let cameBack = 0;
    for (const limiter of this.#awake.looks()) {
      this.#goingOn.delete(limiter);
      cameBack += limiter.tick();
      const isOver = limiter.isIdle;
      // A queue may have had another limiter since.
      if (isOver && this.#limiters.get(limiter.index) === limiter) this.#limiters.delete(limiter.index);
      if (isOver) this.#tenants.of(limiter.index.tenant).remove(limiter);
      this.#cooling.add(limiter);
      // A key that nobody used is known anew when jobs come back that stood aside.
      this.questions.note(limiter, isOver);
      if (isOver || limiter.isAtRest) this.#awake.rests(limiter);
      else this.#awake.wake(limiter);
      if (cameBack >= backMax) break;
    }
    this.questions.arm();
    if (this.#awake.areDue) this.#goOnSoon();
  }

  /** See `QueueLimiter.cool`. Looks at some jobs in each message of the shard. */
  #cool(): void {
    let left = coolMax;
    for (const limiter of this.#cooling) {
      left = limiter.cool(left);
      if (left <= 0) break;
      this.#cooling.delete(limiter);
    }
    if (this.#cooling.size > 0) this.#goOnSoon();
  }

  /** The jobs with a WORK message out, by queue and level. */
  *out(): Generator<{ readonly tenant: string; readonly jobs: ReadonlySet<JobEntry> }, void> {
    for (const { index, windows } of this.#awake) for (const jobs of windows.out) yield { tenant: index.tenant, jobs };
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

  /** Somebody has paused the queue, or its tenant. */
  isPaused(index: QueueIndex): boolean {
    return this.#limiters.get(index)?.isPaused === true;
  }

  /** Cold jobs of a level that come before a place, counted up to `most`. */
  coldBefore(index: QueueIndex, priority: Priority, place: number, most: number): number {
    return this.#limiters.get(index)?.coldBefore(priority, place, most) ?? 0;
  }

  /** For each queue, how many of its jobs wait only for room in their concurrency key. */
  heldByKey(): { readonly tenant: string; readonly queue: string; readonly jobs: number }[] {
    const held = [...this.#awake].map(({ index: { tenant, queue }, heldByKey: jobs }) => ({ tenant, queue, jobs }));
    return held.filter(({ jobs }) => jobs > 0);
  }

  /** How much is used of the limits that have their home there. See `QueueLimiter.reportUsage`. */
  reportUsage({ home, epoch: homeEpoch, ofTenants }: LimitUseItem): LimitUse[] {
    const uses: LimitUse[] = ofTenants === true ? this.#tenants.reportUsage(home, homeEpoch) : [];
    for (const limiter of this.#awake) {
      const { tenant, queue } = limiter.index;
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
    const tenant = this.#tenants.of(index.tenant);
    const limiter: QueueLimiter = new QueueLimiter(
      {
        index,
        nowMs,
        monotonicMs: () => context.clock.monotonicMs(),
        work,
        cold,
        windows: services.dispatchWindows,
        tenant,
        ask: (question, answered) => {
          this.questions.ask(question, answered);
        },
        goOn: () => {
          this.#goOn(limiter);
        },
        loaded: () => {
          this.#changed(limiter);
        },
        isServed: (need) => services.someNodeHas(need, index.tenant),
        everyNodeHas: (need) => services.everyNodeHas(need, index.tenant),
      },
      services.flowRules.ruleOf(index.tenant, index.queue),
    );
    this.#limiters.set(index, limiter);
    tenant.add(limiter);
    return limiter;
  }

  #goOn(limiter: QueueLimiter): void {
    this.#goingOn.add(limiter);
    this.#awake.wake(limiter);
    this.#goOnSoon();
  }

  /** A full mailbox drops the message. Then the next tick goes on. */
  #goOnSoon(): void {
    if (!this.#goesOn) this.#goesOn = this.#parts.context.self.tell({ kind: 'turns-left' });
  }

  /** Something has happened to the limiter. */
  #changed(limiter: QueueLimiter): void {
    this.#awake.wake(limiter);
    this.questions.changed(limiter);
    this.#tenants.changed(limiter.index.tenant);
  }
}
