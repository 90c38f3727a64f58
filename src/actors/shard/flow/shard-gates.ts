/**
 * The gates of a shard: one for each queue that has a rule, or jobs with a concurrency or fairness key. All other jobs
 * are dispatched as soon as they wait, which is what most queues want and costs nothing here.
 */
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { AllotItem, AllotResult, HeldBy, LimitUse } from '../../../application/protocol/shard-protocol.ts';
import type { FlowRule } from '../../../domain/flow-rule.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobEntry, JobTable } from '../table/job-table.ts';
import { needsGate, QueueGate } from './queue-gate.ts';
import type { QueueBook } from '../table/queue-book.ts';
import type { ShardMessage } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';

/** Patience with the home of a limit. */
const askMaxMs = 2_000;

export interface ShardGatesParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'flowRules' | 'leaseIsSure' | 'peers' | 'shardCount' | 'someNodeHas'>;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly nowMs: () => number;
  readonly dispatch: (entry: JobEntry) => void;
  /** Some were: outside of a flush nobody else sends them out. */
  readonly dispatched: () => void;
}

export class ShardGates {
  readonly #parts: ShardGatesParts;
  readonly #gates = new Map<QueueBook, QueueGate>();
  /** Queues whose rule was not looked at since it came: at most one entry each. */
  readonly #rulesToRead = new Map<string, { readonly tenant: string; readonly queue: string }>();
  #armedMs = Infinity;
  #armAsked = false;
  /** Questions to homes of limits. */
  #asked = 0;

  constructor(parts: ShardGatesParts) {
    this.#parts = parts;
  }

  /** The job waits, and the store knows. */
  ready(entry: JobEntry): void {
    const gate = this.#gateFor(entry);
    if (gate === undefined) {
      this.#parts.dispatch(entry);
      return;
    }
    gate.hold(entry);
    gate.pump();
    this.#armSoon();
  }

  /** At a take-over. What passes no gate is dispatched by its owner, who knows what may be out already. */
  restored(entry: JobEntry): 'gated' | 'free' {
    const gate = this.#gateFor(entry);
    if (gate !== undefined && entry.current.state === 'QUEUED') gate.hold(entry);
    return gate === undefined ? 'free' : 'gated';
  }

  /** All jobs of the take-over are there. */
  begin(): void {
    for (const gate of this.#gates.values()) gate.pump();
    this.#arm();
  }

  moved(entry: JobEntry, before: JobRecord): void {
    if (this.#gates.size === 0) return;
    const gate = this.#gates.get(entry.place.book);
    if (gate === undefined) return;
    gate.moved(entry, before);
    this.#armSoon();
  }

  /** `later`: that it waits is not durable yet. `held`: see `QueueGate.mayStart`. */
  mayStart(entry: JobEntry): 'yes' | 'later' | 'held' {
    const gate = this.#gates.size === 0 ? undefined : this.#gates.get(entry.place.book);
    if (gate === undefined) return 'yes';
    if (entry.durable !== entry.current) return 'later';
    return gate.mayStart(entry) ? 'yes' : 'held';
  }

  /** A rule was read, or has changed; `applyRules` looks at it, in the actor's own time. */
  noteRule(tenant: string, queue: string): void {
    this.#rulesToRead.set(`${tenant}/${queue}`, { tenant, queue });
  }

  applyRules(): void {
    for (const { tenant, queue } of this.#rulesToRead.values()) this.#applyRule(tenant, queue);
    this.#rulesToRead.clear();
  }

  #applyRule(tenant: string, queue: string): void {
    const book = this.#parts.table.queues.get(tenant, queue);
    if (book === undefined) return;
    const rule = this.#parts.services.flowRules.ruleOf(tenant, queue);
    const gate = this.#gates.get(book);
    if (gate !== undefined) this.#setRule(book, gate, rule);
    else for (const entry of this.#waiting(book)) if (needsGate(rule, entry.current)) this.#gateFor(entry, 'out');
    this.#arm();
  }

  #setRule(book: QueueBook, gate: QueueGate, rule: FlowRule | undefined): void {
    gate.setRule(rule);
    if (gate.isNeeded) return;
    this.#gates.delete(book);
    for (const entry of gate.dissolve()) this.#parts.dispatch(entry);
    this.#parts.dispatched();
  }

  tick(): void {
    this.applyRules();
    for (const [book, gate] of this.#gates) {
      gate.tick();
      if (gate.isIdle) this.#gates.delete(book);
    }
    this.#arm();
  }

  /** Of a job that waits. What passes no gate is out at once. */
  standingOf(entry: JobEntry): 'held' | 'out' | 'unknown' {
    return this.#gates.get(entry.place.book)?.standingOf(entry) ?? 'out';
  }

  oldestHeldAtMs(): number {
    let oldest = Infinity;
    for (const gate of this.#gates.values()) oldest = Math.min(oldest, gate.oldestHeldAtMs());
    return oldest;
  }

  /** Undefined: nothing here holds the job back. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    return this.#gates.get(entry.place.book)?.heldBy(entry);
  }

  /** Of each queue, how many of its jobs wait for nothing but room in their concurrency key. */
  heldByKey(): { readonly tenant: string; readonly queue: string; readonly jobs: number }[] {
    const held = [...this.#gates].map(([{ tenant, queue }, gate]) => ({ tenant, queue, jobs: gate.heldByKey }));
    return held.filter(({ jobs }) => jobs > 0);
  }

  /** What is used of the limits that have their home there; see `QueueGate.surrender`. */
  surrender(home: number, homeEpoch: number): LimitUse[] {
    const uses: LimitUse[] = [];
    for (const [{ tenant, queue }, gate] of this.#gates) {
      const limitOf = (key?: string) => ({ tenant, queue, ...(key !== undefined && { key }) });
      const isOfHome = (key?: string): boolean => homeOfLimit(limitOf(key), this.#parts.services.shardCount) === home;
      for (const { key, using } of gate.surrender(isOfHome, homeEpoch)) uses.push({ ...limitOf(key), using });
    }
    return uses;
  }

  /** `out`: the job was sent already, as all that passes no gate. */
  #gateFor(entry: JobEntry, standing: 'new' | 'out' = 'new'): QueueGate | undefined {
    const { book } = entry.place;
    const present = this.#gates.get(book);
    if (present !== undefined) return present;
    const rule = this.#parts.services.flowRules.ruleOf(book.tenant, book.queue);
    if (!needsGate(rule, entry.current)) return undefined;
    const { context, nowMs, dispatch, dispatched, services, table } = this.#parts;
    const gate = new QueueGate(
      {
        book,
        nowMs,
        monotonicMs: () => context.clock.monotonicMs(),
        dispatch: (one) => {
          dispatch(one);
          dispatched();
        },
        ask: (question, answered) => {
          this.#ask(question, answered);
        },
        isServed: (need) => services.someNodeHas(need),
      },
      rule,
    );
    this.#gates.set(book, gate);
    for (const running of table.running()) if (running.place.book === book) gate.restoreRunning(running);
    // What was dispatched freely before is held as well: its message starts it only if there is room.
    for (const one of this.#waiting(book)) {
      const wasSent = one.dispatches > 0 && (one !== entry || standing === 'out');
      if (wasSent) gate.holdAdrift(one);
      else gate.hold(one);
    }
    gate.pump();
    return gate;
  }

  *#waiting(book: QueueBook): Generator<JobEntry> {
    for (const level of book.waiting)
      for (const entry of level.values()) if (entry.durable?.state === 'QUEUED') yield entry;
  }

  #ask(question: Omit<AllotItem, 'holder'>, answered: (answer: AllotResult | undefined) => void): void {
    const { shard, epoch, services, context } = this.#parts;
    // What one that may have a successor uses says nothing of what the shard uses.
    if (!services.leaseIsSure()) {
      answered(undefined);
      return;
    }
    const home = homeOfLimit(question, services.shardCount);
    const deadlineAtMs = context.clock.nowMs() + askMaxMs;
    this.#asked += 1;
    const item = { ...question, holder: shard, order: { epoch, number: this.#asked } };
    const asked = services.peers.call(home, 'allot', item, { deadlineAtMs });
    context.pipeToSelf(asked, (outcome) => ({
      kind: 'continue',
      run: () => {
        answered(outcome.status === 'fulfilled' ? outcome.value : undefined);
        this.#arm();
      },
    }));
  }

  /** Once for all decisions of a turn: it looks at every key of every gate. */
  #armSoon(): void {
    if (this.#armAsked) return;
    const run = (): void => {
      this.#armAsked = false;
      this.#arm();
    };
    this.#armAsked = true;
    if (!this.#parts.context.self.tell({ kind: 'continue', run })) run();
  }

  /** One timer for all questions. */
  #arm(): void {
    if (this.#gates.size === 0) return;
    let dueMs = Infinity;
    for (const gate of this.#gates.values()) dueMs = Math.min(dueMs, gate.askDueMs());
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (dueMs === Infinity || (dueMs >= this.#armedMs && this.#armedMs > nowMs)) return;
    this.#armedMs = dueMs;
    this.#parts.context.setTimer('gates', Math.max(0, dueMs - nowMs), {
      kind: 'continue',
      run: () => {
        this.#armedMs = Infinity;
        for (const gate of this.#gates.values()) gate.ask();
        this.#arm();
      },
    });
  }
}
