/**
 * The working memory of a shard: jobs, open partitions, deadlines, outbox. Every decision takes the same way: decide →
 * table → group → (durable) → answers, events, dispatch. The verbs that callers use are in `shard-verbs.ts`.
 */
import type { ShardGrant } from '../../../application/ports/job-store.ts';
import type { TroupeError } from '../../../domain/errors.ts';
import { isTerminal, type JobRecord } from '../../../domain/job.ts';
import { createJobIdGenerator, type JobId } from '../../../domain/job-id.ts';
import { SteadyTime } from '../../../domain/steady-time.ts';
import { decide, type Decision, type JobCommand } from '../../../domain/transitions.ts';
import type { ActorContext } from '../../../kernel/actor.ts';
import { QuotaHome } from '../flow/quota-home.ts';
import { OpenReplies } from './open-replies.ts';
import { ClaimsOnRecord } from './claims-on-record.ts';
import { HandOver } from './hand-over.ts';
import { loadShard, type ShardLoad } from './load-shard.ts';
import { ShardColdRoom } from './shard-cold-room.ts';
import { DueJobs } from '../deadlines/due-jobs.ts';
import { createOutbox, Dispatcher } from '../dispatch/dispatcher.ts';
import { QueueLimiters } from '../flow/queue-limiters.ts';
import { WorkMessages } from '../dispatch/work-messages.ts';
import { RateMeter } from '../../../domain/rate-meter.ts';
import { jobFacts, JobTable } from '../table/job-table.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { KeptByTenant } from '../commit/kept-by-tenant.ts';
import { RecordErasure } from '../commit/record-erasure.ts';
import { TrailRoom } from '../dispatch/trail-room.ts';
import { deposed, OwnershipProof } from '../commit/ownership-proof.ts';
import { FlushTurns } from '../commit/flush-turns.ts';
import { PartitionSet } from '../commit/partition-set.ts';
import { UnfinishedLists } from '../commit/unfinished-lists.ts';
import { ShardKeys } from '../keys/shard-keys.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import { ShardLogs } from './shard-logs.ts';
import type { ShardServices } from '../services/shard-services.ts';
import { readShard } from '../commit/recovery.ts';
import { given } from '../../../domain/given.ts';

export class ShardCore {
  readonly shard: number;
  readonly epoch: number;
  readonly services: ShardServices;
  readonly context: ActorContext<ShardMessage>;
  readonly table: JobTable;
  readonly keys: ShardKeys;
  readonly coldRoom: ShardColdRoom;
  readonly limiters: QueueLimiters;
  readonly dispatcher: Dispatcher;
  /** Counts facts that JetStream has confirmed. */
  readonly published = new RateMeter();
  readonly quotaHome: QuotaHome;
  readonly trailRoom: TrailRoom;
  readonly erasure: RecordErasure;
  readonly kept: KeptByTenant;
  readonly logs = new ShardLogs();
  readonly replies: OpenReplies;
  readonly claimsOnRecord = new ClaimsOnRecord();
  readonly nextId: (queueNo: number) => JobId;
  readonly #partitions: PartitionSet;
  readonly #due: DueJobs;
  readonly #flushes: FlushTurns;
  readonly #handOver: HandOver;
  readonly #loading: ShardLoad;
  readonly #lists: UnfinishedLists;
  readonly #ownership: OwnershipProof;
  readonly #time: SteadyTime;
  /** When the last group commit was applied, on the monotonic clock. */
  #committedMs: number | undefined;

  constructor(shard: number, services: ShardServices, context: ActorContext<ShardMessage>, grant: ShardGrant) {
    this.shard = shard;
    this.epoch = grant.epoch;
    this.services = services;
    this.context = context;
    this.#time = new SteadyTime(context.clock, context.clock.nowMs());
    this.#partitions = new PartitionSet(shard, this.epoch, services, context);
    this.#flushes = new FlushTurns(context, this.#partitions);
    this.replies = new OpenReplies(() => context.clock.monotonicMs());
    const { recentMax } = services.limits;
    this.table = new JobTable({ shard, recentMax, memory: services.memory });
    const nowMs = (): number => this.nowMs();
    this.keys = new ShardKeys({ shard, services, context, nowMs, decided: () => this.askFlush() });
    this.nextId = createJobIdGenerator({ shard, nowMs, random: context.random });
    const { epoch, table } = this;
    const partitions = this.#partitions;
    const outbox = createOutbox({
      services,
      context,
      table,
      onPublished: () => this.published.add(nowMs()),
      onIdleBucket: () => {
        // A hand-over waits for idle buckets. This message saves it the wait for the next tick.
        if (this.#handOver.isOrdered) context.self.tell({ kind: 'bucket-published' });
      },
    });
    const work = new WorkMessages({ epoch, outbox, services });
    const parts = { shard, epoch, services, context, table, partitions, nowMs };
    this.coldRoom = new ShardColdRoom({
      ...parts,
      keys: this.keys,
      due: () => this.#due,
      limiters: () => this.limiters,
      decided: () => this.askFlush(),
    });
    const cold = this.coldRoom;
    this.limiters = new QueueLimiters({ ...parts, work, cold });
    this.dispatcher = new Dispatcher({ ...parts, outbox, work, limiters: this.limiters });
    this.kept = new KeptByTenant({ ...parts, saved: () => this.checkHandOver() });
    this.erasure = new RecordErasure({ ...parts, kept: this.kept });
    this.trailRoom = new TrailRoom(this.dispatcher, this.#partitions, nowMs);
    this.quotaHome = new QuotaHome({ shard, epoch: this.epoch, services, context });
    this.#lists = new UnfinishedLists({ ...parts, owes: (bucket) => this.#owes(bucket) });
    this.#ownership = new OwnershipProof({ shard, epoch: this.epoch, store: services.store, context });
    this.#due = new DueJobs({
      context,
      time: this.#time,
      table,
      load: (slots, then) => cold.loadDue(slots, then),
      room: () => Math.ceil(services.limits.undurableMax / 2) - partitions.undurable,
      mayStart: (entry) => this.trailRoom.mayAdd(entry, 'due'),
      decide: (entry, command) => this.decide(entry, command),
    });
    this.#handOver = new HandOver({
      clock: context.clock,
      owes: () => partitions.undurable > 0 || this.dispatcher.backlogOf('event') > 0 || this.kept.owes,
      leave: () => this.dispatcher.saveWatermark(nowMs()),
    });
    const { dispatcher, keys } = this;
    this.#loading = loadShard(grant, {
      clock: context.clock,
      time: this.#time,
      partitions,
      lists: this.#lists,
      dispatcher,
      keys,
      table,
      due: this.#due,
      putKeys: (entries) => services.store.putKeys(shard, entries),
    });
  }

  /** Reads the shard. It serves nobody before this resolves. */
  async load(): Promise<void> {
    await readShard(this.services, this.shard, this.epoch, this.#loading);
    await this.#loading.settle();
    await this.#loading.done();
  }

  /** Decisions, and keys of ended jobs, that the store does not have yet. */
  get undurable(): number {
    return this.#partitions.undurable + this.keys.backlog;
  }

  /** Never goes back. A later decision therefore never gets an earlier time, even if another owner makes it. */
  nowMs(): number {
    return this.#time.nowMs();
  }

  /**
   * The time that dates are compared with. It never runs ahead of this process's wall clock, so times stamped by a
   * clock that was ahead do not make a job start early.
   */
  wallMs(): number {
    return Math.min(this.#time.nowMs(), this.context.clock.wallMs());
  }

  /** Why the store accepts no commits of this shard at present. Decisions already made are retried until it does. */
  get storeTrouble(): TroupeError | undefined {
    return this.#partitions.trouble;
  }

  /** Adds a new job. `done` is called when it is durable. */
  accept(record: JobRecord, done: () => void): void {
    const entry = this.table.add(record, { durable: false, publishedSeq: 0, nowMs: this.context.clock.monotonicMs() });
    this.keys.accepted(record);
    this.#partitions.of(record).add(record, done);
    this.#due.watch(entry.current);
  }

  /** Makes a decision about a job. A decision that changes something is on its way to the store when this returns. */
  decide(entry: JobEntry, command: JobCommand, done?: (record: JobRecord) => void): Decision {
    return this.#decide(entry, command, (record) => {
      this.#partitions.of(record).add(record, done);
      this.#due.watch(record);
    });
  }

  /**
   * Gives the job to a node. Nobody waits until the grant is durable, so it may wait a moment for other decisions.
   * Often the outcome of the same job comes in that time, and one write covers both.
   */
  grant(entry: JobEntry, command: Extract<JobCommand, { kind: 'claim' }>, done: () => void): Decision {
    return this.#decide(entry, command, (record) => {
      this.#partitions.of(record).addLazily(record, done);
      this.#flushes.soon();
    });
  }

  #decide(entry: JobEntry, command: JobCommand, write: (record: JobRecord) => void): Decision {
    const before = entry.current;
    const decision = decide(before, command, this.nowMs(), this.context.random());
    if (decision.kind === 'refused') return decision;
    const record = this.trailRoom.kept(before, decision.record);
    this.table.replace(entry, record);
    write(record);
    this.limiters.moved(entry, before);
    return { ...decision, record };
  }

  /** Calls back once everything decided about the job so far is durable. */
  whenDurable(entry: JobEntry, done: (record: JobRecord) => void): void {
    if (entry.durable === entry.current) done(entry.current);
    else this.#partitions.of(entry.current).add(entry.current, done);
  }

  /**
   * Calls back with what a reader may see: the newest state that the store surely has. A write in flight may already
   * have arrived, and whoever reads the store directly may see it. We therefore wait for the end of that write.
   * Otherwise a later reader could see an older state than an earlier one.
   */
  whenReadable(entry: JobEntry, done: (record: JobRecord | undefined) => void): void {
    const { current, durable } = entry;
    if (durable === current || !this.#partitions.of(current).whenLanded(current.id, done)) done(durable);
  }

  /** What was decided is written after the messages that wait now. */
  askFlush(): void {
    this.#flushes.ask();
  }

  flush(): void {
    this.#flushes.flush();
  }

  flushed(bucket: number, outcome: PromiseSettledResult<'applied' | 'deposed'>): void {
    const writer = this.#partitions.at(bucket);
    if (outcome.status === 'rejected') throw outcome.reason;
    if (outcome.value === 'deposed' || writer === undefined) {
      throw deposed();
    }
    this.#committedMs = this.context.clock.monotonicMs();
    this.#ownership.committed();
    const landed = writer.landed();
    for (const record of landed) this.#durable(record);
    this.table.landed.add(this.nowMs(), landed.length);
    this.dispatcher.pump();
    if (this.#due.areHeldBack) this.deadlinesDue();
    if (writer.urgent) this.askFlush();
    else if (writer.dirty) this.#flushes.soon();
    this.checkHandOver();
  }

  tick(): void {
    const nowMs = this.nowMs();
    // The deadline timer was set with the clock of that moment. The clock may have been set forward since.
    this.deadlinesDue();
    this.#ownership.askIfDue();
    this.#partitions.seal(nowMs, (bucket) => this.#isInUse(bucket));
    this.#lists.tick();
    this.keys.tick(nowMs, this.context.clock.monotonicMs());
    this.table.queues.sweep(nowMs);
    this.claimsOnRecord.expire(this.context.clock.monotonicMs());
    this.quotaHome.tick();
    this.dispatcher.tick(nowMs);
    this.coldRoom.tick();
    this.trailRoom.tick();
    this.kept.tick();
    this.replies.tick(this.storeTrouble);
    this.#tellMeasures(nowMs);
    this.context.describe({
      epoch: this.epoch,
      jobs: this.table.size,
      undurable: this.undurable,
      outbox: this.dispatcher.backlog,
      ...given({ committedMs: this.#committedMs === undefined ? undefined : Math.round(this.#committedMs) }),
      ...jobFacts(this.table.counts),
    });
    this.askFlush();
    this.checkHandOver();
  }

  #tellMeasures(nowMs: number): void {
    const { jobs, queues } = this.services.metrics;
    for (const [state, count] of Object.entries(this.table.counts))
      jobs.set(count, { shard: String(this.shard), state });
    queues.tell(this.shard, this.table.queues, { nowMs, monotonicMs: this.context.clock.monotonicMs() });
  }

  /** Decides about jobs whose deadlines have come. */
  deadlinesDue(): void {
    this.#due.decide();
    this.askFlush();
  }

  /** Writes the decisions that were allowed to wait. */
  flushRest(): void {
    this.#flushes.flushRest();
  }

  handOver(done: () => void): void {
    this.#handOver.order(done);
    this.kept.leave();
    this.#flushes.flush(true);
    this.checkHandOver();
  }

  checkHandOver(): void {
    this.#handOver.check();
  }

  stop(): void {
    this.#partitions.stop();
    this.dispatcher.stop();
    this.limiters.stop();
    this.coldRoom.stop();
    this.table.memory.close();
    const { jobs, outbox, queues } = this.services.metrics;
    for (const state of Object.keys(this.table.counts)) jobs.set(0, { shard: String(this.shard), state });
    outbox.set(0, { shard: String(this.shard) });
    queues.forget(this.shard, this.nowMs());
    this.replies.close();
  }

  #durable(record: JobRecord): void {
    const entry = this.table.get(record.id);
    if (entry === undefined) return;
    // A record may be written twice. The second time, the job may have been cold and loaded, and the store has told all
    // that was decided. An earlier record of it must not stand for the loaded one.
    if (entry.durable === entry.current && record !== entry.current) return;
    this.dispatcher.durable(entry, record);
    this.logs.landed(record);
    if (isTerminal(record.state)) {
      this.table.retire(entry, record);
      this.kept.ended(record);
      this.#due.forget(record.id);
      this.keys.ended(record);
    } else if (record.state === 'CANCELLING' && record.run !== undefined) {
      this.services.stopRun(record.run.node, { jobId: record.id, token: record.run.token, why: 'cancel' });
    } else this.coldRoom.durable(entry);
  }

  /** Whether a bucket may not be sealed. */
  #isInUse(bucket: number): boolean {
    return this.table.unfinished.ofBucket(bucket) > 0 || this.#owes(bucket);
  }

  /** Whether JetStream lacks facts about jobs of the bucket, or the store their keys. */
  #owes(bucket: number): boolean {
    return this.dispatcher.owes(bucket) || this.keys.isOpen(bucket);
  }
}
