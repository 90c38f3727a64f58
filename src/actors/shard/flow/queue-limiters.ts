/**
 * The limiters of a shard: one for each queue that has a rule, or jobs with a concurrency or fairness key. All other
 * jobs are dispatched as soon as they wait. This is the common case, and it costs nothing here.
 */
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { QuotaItem, QuotaResult, HeldBy, LimitUse } from '../../../application/ports/shard-protocol.ts';
import type { FlowRule } from '../../../domain/flow-rule.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobEntry, JobTable } from '../table/job-table.ts';
import type { WorkMessages } from '../dispatch/work-messages.ts';
import { needsLimiter, QueueLimiter } from './queue-limiter.ts';
import type { QueueIndex } from '../table/queue-index.ts';
import { type ShardMessage, whenAnswered } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';
import { given } from '../../../domain/given.ts';

/** How long to wait for an answer of a limit's home. */
const askMaxMs = 2_000;

export interface QueueLimitersParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'flowRules' | 'leaseIsSure' | 'peers' | 'shardCount' | 'someNodeHas'>;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly nowMs: () => number;
  readonly work: WorkMessages;
}

export class QueueLimiters {
  readonly #parts: QueueLimitersParts;
  readonly #limiters = new Map<QueueIndex, QueueLimiter>();
  /** Queues whose rule has changed and was not applied yet, at most one entry each. */
  readonly #rulesToRead = new Map<string, { readonly tenant: string; readonly queue: string }>();
  #armedMs = Infinity;
  #armAsked = false;
  /** Counts the questions to homes of limits. The number orders them. */
  #asked = 0;

  constructor(parts: QueueLimitersParts) {
    this.#parts = parts;
  }

  /** The job waits, and the store knows it. */
  ready(entry: JobEntry): void {
    const limiter = this.#limiterFor(entry);
    if (limiter === undefined) {
      this.#parts.work.add(entry);
      return;
    }
    limiter.hold(entry);
    limiter.pump();
    this.#armSoon();
  }

  /**
   * Called for each job at a recovery. The caller dispatches the jobs that are `free`, because it knows which messages
   * may be out already.
   */
  restored(entry: JobEntry): 'limited' | 'free' {
    const limiter = this.#limiterFor(entry);
    if (limiter !== undefined && entry.current.state === 'QUEUED') limiter.hold(entry);
    return limiter === undefined ? 'free' : 'limited';
  }

  /** Called when all jobs of the recovery have been restored. */
  begin(): void {
    for (const limiter of this.#limiters.values()) limiter.pump();
    this.#armTimer();
  }

  moved(entry: JobEntry, before: JobRecord): void {
    if (this.#limiters.size === 0) return;
    const limiter = this.#limiters.get(entry.queueRef.index);
    if (limiter === undefined) return;
    limiter.moved(entry, before);
    this.#armSoon();
  }

  /** `later`: the store does not know yet that the job waits. `held`: see `QueueLimiter.mayStart`. */
  mayStart(entry: JobEntry, isLatestMessage: boolean): 'yes' | 'later' | 'held' {
    const limiter = this.#limiters.size === 0 ? undefined : this.#limiters.get(entry.queueRef.index);
    if (limiter === undefined) return 'yes';
    if (entry.durable !== entry.current) return 'later';
    return limiter.mayStart(entry, isLatestMessage) ? 'yes' : 'held';
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
    const rule = this.#parts.services.flowRules.ruleOf(tenant, queue);
    const limiter = this.#limiters.get(index);
    if (limiter !== undefined) this.#setRule(index, limiter, rule);
    else
      for (const entry of this.#waiting(index)) if (needsLimiter(rule, entry.current)) this.#limiterFor(entry, 'out');
    this.#armTimer();
  }

  #setRule(index: QueueIndex, limiter: QueueLimiter, rule: FlowRule | undefined): void {
    limiter.setRule(rule);
    if (limiter.isNeeded) return;
    this.#limiters.delete(index);
    for (const entry of limiter.dissolve()) this.#parts.work.add(entry);
    this.#parts.work.send();
  }

  tick(): void {
    this.applyRules();
    for (const [index, limiter] of this.#limiters) {
      limiter.tick();
      if (limiter.isIdle) this.#limiters.delete(index);
    }
    this.#armTimer();
  }

  /** The standing of a waiting job. A job that passes no limiter is `out` at once. */
  standingOf(entry: JobEntry): 'held' | 'out' | 'unknown' {
    return this.#limiters.get(entry.queueRef.index)?.standingOf(entry) ?? 'out';
  }

  oldestHeldAtMs(): number {
    let oldest = Infinity;
    for (const limiter of this.#limiters.values()) oldest = Math.min(oldest, limiter.oldestHeldAtMs());
    return oldest;
  }

  /** What holds the job back. Undefined: nothing here does. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    return this.#limiters.get(entry.queueRef.index)?.heldBy(entry);
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

  /** `out`: the job was already sent, as is every job that passes no limiter. */
  #limiterFor(entry: JobEntry, standing: 'new' | 'out' = 'new'): QueueLimiter | undefined {
    const { index } = entry.queueRef;
    const present = this.#limiters.get(index);
    if (present !== undefined) return present;
    const rule = this.#parts.services.flowRules.ruleOf(index.tenant, index.queue);
    if (!needsLimiter(rule, entry.current)) return undefined;
    const { context, nowMs, work, services, table } = this.#parts;
    const limiter = new QueueLimiter(
      {
        index,
        nowMs,
        monotonicMs: () => context.clock.monotonicMs(),
        work,
        ask: (question, answered) => {
          this.#ask(question, answered);
        },
        isServed: (need) => services.someNodeHas(need),
      },
      rule,
    );
    this.#limiters.set(index, limiter);
    for (const running of table.running()) if (running.queueRef.index === index) limiter.restoreRunning(running);
    // Jobs that were dispatched without a limiter are held as well. Their messages start them only if there is room.
    for (const one of this.#waiting(index)) {
      const wasSent = one.dispatches > 0 && (one !== entry || standing === 'out');
      if (wasSent) limiter.holdUnroutable(one);
      else limiter.hold(one);
    }
    limiter.pump();
    return limiter;
  }

  *#waiting(index: QueueIndex): Generator<JobEntry> {
    for (const level of index.waiting)
      for (const entry of level.values()) if (entry.durable?.state === 'QUEUED') yield entry;
  }

  #ask(question: Omit<QuotaItem, 'holder'>, answered: (answer: QuotaResult | undefined) => void): void {
    const { shard, epoch, services, context } = this.#parts;
    // This owner may have a successor. Then its own usage is not the usage of the shard.
    if (!services.leaseIsSure()) {
      answered(undefined);
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
  #armSoon(): void {
    if (this.#armAsked) return;
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
    if (this.#limiters.size === 0) return;
    let dueMs = Infinity;
    for (const limiter of this.#limiters.values()) dueMs = Math.min(dueMs, limiter.askDueMs());
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (dueMs === Infinity || (dueMs >= this.#armedMs && this.#armedMs > nowMs)) return;
    this.#armedMs = dueMs;
    this.#parts.context.setTimer('limiters', Math.max(0, dueMs - nowMs), { kind: 'quota-due' });
  }

  /** Sends the questions that are due to the homes of the limits. */
  askHomes(): void {
    this.#armedMs = Infinity;
    for (const limiter of this.#limiters.values()) limiter.ask();
    this.#armTimer();
  }
}
