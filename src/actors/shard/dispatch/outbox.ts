/**
 * What is durable and still has to reach JetStream: events, and WORK messages of queued jobs. Each kind has a queue of
 * its own, so events do not wait while JetStream refuses work. Retries never end: an accepted job is dispatched
 * whenever JetStream returns. Events of one job are published one after the other, so their order holds even when one
 * has to be repeated. What was confirmed is remembered until a power cut of the server can no longer lose it.
 *
 * A WORK message is published only while its job waits for it. If its confirmation was lost, the message may already
 * have started the job, and by the time of the repetition the job may wait for a later message. JetStream would not
 * notice the duplicate, because it remembers message ids for 30 s only, and none after a wipe.
 */
import type { JobEvent, Publisher, WorkMessage } from '../../../application/ports/bus.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { Instants } from './earliest-instant.ts';
import { OutboxQueue } from './outbox-queue.ts';
import { type OutboxTask, Unsynced } from './unsynced.ts';

export interface OutboxOptions {
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: () => number;
  /** How many messages of a kind may be in flight. */
  readonly windowMax: number;
  /** How long after its confirmation a message is surely on JetStream's disk. */
  readonly syncMs: number;
  /** How many confirmed tasks are remembered during that time. */
  readonly unsyncedMax: number;
  /** Whether the job still waits for this message. */
  readonly isWanted: (message: WorkMessage) => boolean;
  readonly onPublished: () => void;
  /** Called when the last unpublished task of a bucket is done. */
  readonly onIdleBucket?: (bucket: number) => void;
}

type WorkTask = Extract<OutboxTask, { readonly kind: 'work' }>;
type EventTask = Extract<OutboxTask, { readonly kind: 'event' }>;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #work: OutboxQueue<WorkTask>;
  readonly #events: OutboxQueue<EventTask>;
  /** Later events of jobs that have an event in flight. */
  readonly #chains = new Map<JobId, EventTask[]>();
  readonly #perBucket = new Map<number, number>();
  /** Instants of the unconfirmed tasks, so that no question has to scan all tasks. */
  readonly #instants = { work: new Instants(), event: new Instants() };
  readonly #sizes = { work: 0, event: 0 };
  /** The latest WORK message of each job, until it is confirmed. */
  readonly #latestWork = new Map<JobId, WorkTask>();
  /** Jobs whose latest WORK message was confirmed after JetStream was wiped, until `takeWiped` is called. */
  #confirmedAnew: Set<JobId> | undefined;
  readonly #unsynced: Unsynced;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#unsynced = new Unsynced(options.syncMs, options.unsyncedMax);
    const { publisher, clock, random, windowMax, isWanted } = options;
    this.#work = new OutboxQueue<WorkTask>({
      clock,
      random,
      windowMax,
      tenantOf: ({ message }) => message.tenant,
      admits: () => true,
      send: (task) => {
        if (isWanted(task.message)) return publisher.publishWork(task.message);
        this.#done(task);
        return undefined;
      },
      onPublished: (task) => {
        this.#published(task);
      },
      onFailed: (task) => task,
    });
    this.#events = new OutboxQueue<EventTask>({
      clock,
      random,
      windowMax,
      tenantOf: ({ event }) => event.tenant,
      admits: (task) => this.#joinsNoChain(task),
      send: ({ event }) => publisher.publishEvent(event),
      onPublished: (task) => {
        this.#published(task);
        this.#nextOfChain(task.event.jobId);
      },
      onFailed: (task) => this.#firstOfChain(task),
    });
  }

  get size(): number {
    return this.#sizes.work + this.#sizes.event;
  }

  /** Tasks that JetStream has not confirmed, and those that are remembered because it may still lose them. */
  get kept(): number {
    return this.size + this.#unsynced.size;
  }

  /** Tasks of a kind that JetStream has not confirmed. */
  sizeOf(kind: OutboxTask['kind']): number {
    return this.#sizes[kind];
  }

  /** Whether something about jobs of this minute may be missing in JetStream. */
  holds(bucket: number): boolean {
    return this.#perBucket.has(bucket) || this.#unsynced.holds(bucket);
  }

  /** Whether the latest WORK message of the job is not confirmed. Earlier messages do not count. */
  isToSend(jobId: JobId): boolean {
    return this.#latestWork.has(jobId);
  }

  /** JetStream was wiped, so it has nothing of what it confirmed before. */
  wiped(): void {
    this.#confirmedAnew = new Set();
  }

  /**
   * Returns a test whether JetStream has got the latest WORK message of a job since it was wiped, or will get it from
   * this outbox. Undefined if it was not wiped since the last call. The confirmations are recorded from the wipe on,
   * because a repeated message may be confirmed long before anybody asks.
   */
  takeWiped(): ((jobId: JobId) => boolean) | undefined {
    const confirmed = this.#confirmedAnew;
    this.#confirmedAnew = undefined;
    return confirmed && ((jobId) => confirmed.has(jobId) || this.isToSend(jobId));
  }

  addWork(message: WorkMessage, atMs: number, bucket: number): void {
    const task: WorkTask = { kind: 'work', message, atMs, bucket };
    this.#work.add(task);
    this.#count(task);
  }

  addEvent(event: JobEvent, bucket: number): void {
    const task: EventTask = { kind: 'event', event, atMs: event.atMs, bucket };
    this.#events.add(task);
    this.#count(task);
  }

  /** Earliest instant among what may be missing in JetStream. Infinity when all is surely there. */
  oldestAtMs(kind: OutboxTask['kind']): number {
    return Math.min(this.#unsynced.oldestAtMs(kind), this.#instants[kind].earliestAtMs);
  }

  /**
   * Forgets what is surely on disk by now. Only the time up to the last contact with the server counts, because a dead
   * server syncs nothing.
   */
  tick(): void {
    const soundAtMs = this.#options.publisher.soundAtMs();
    if (soundAtMs === undefined) return;
    this.#unsynced.expire(soundAtMs);
    this.#work.heard(soundAtMs);
    this.#events.heard(soundAtMs);
  }

  /**
   * JetStream may have lost its last confirmed messages. They are published again, before anything newer. They keep
   * their message ids, so a message that is still there is not duplicated. Returns the jobs whose WORK messages are
   * sent again. Undefined if the outbox does not remember everything that may be lost.
   */
  tellAgain(): readonly JobId[] | undefined {
    this.tick();
    const lost = this.#unsynced.takeAll();
    if (lost === undefined) return undefined;
    const work = lost.filter((task) => task.kind === 'work').filter(({ message }) => this.#options.isWanted(message));
    const events = lost.filter((task) => task.kind === 'event');
    for (const task of [...work, ...events]) this.#count(task);
    const chained = [...this.#chains.values()].flat();
    this.#chains.clear();
    for (const { event } of this.#events.inFlight) this.#chains.set(event.jobId, []);
    const [failed, waiting] = this.#events.takeAll();
    // What was in flight in an earlier doubt may have been confirmed before what was lost then.
    const inOrder = [...events, ...failed, ...chained, ...waiting].toSorted((a, b) => a.event.seq - b.event.seq);
    for (const task of inOrder) {
      // In the chain at once, so that they go first if what is in flight is not taken, also out of a pause.
      const chain = this.#chains.get(task.event.jobId);
      if (chain === undefined) this.#events.add(task);
      else chain.push(task);
    }
    for (const task of [...work, ...this.#work.takeAll().flat()]) this.#work.add(task);
    this.pump();
    return work.map(({ message }) => message.jobId);
  }

  /** Publishes as much as the windows allow. */
  pump(): void {
    this.#events.pump();
    this.#work.pump();
  }

  stop(): void {
    this.#events.stop();
    this.#work.stop();
  }

  #count(task: OutboxTask): void {
    this.#sizes[task.kind] += 1;
    this.#perBucket.set(task.bucket, (this.#perBucket.get(task.bucket) ?? 0) + 1);
    this.#instants[task.kind].add(task.atMs);
    if (task.kind === 'work' && !isLater(this.#latestWork.get(task.message.jobId), task)) {
      this.#latestWork.set(task.message.jobId, task);
    }
  }

  #published(task: OutboxTask): void {
    this.#unsynced.keep(task, this.#options.clock.monotonicMs());
    if (this.#isLatest(task)) this.#confirmedAnew?.add(task.message.jobId);
    this.#options.onPublished();
    this.#done(task);
  }

  /** The task needs no further sending. */
  #done(task: OutboxTask): void {
    this.#sizes[task.kind] -= 1;
    this.#instants[task.kind].remove(task.atMs);
    if (this.#isLatest(task)) this.#latestWork.delete(task.message.jobId);
    const left = (this.#perBucket.get(task.bucket) ?? 0) - 1;
    if (left > 0) this.#perBucket.set(task.bucket, left);
    else {
      this.#perBucket.delete(task.bucket);
      this.#options.onIdleBucket?.(task.bucket);
    }
  }

  #isLatest(task: OutboxTask): task is WorkTask {
    return task.kind === 'work' && this.#latestWork.get(task.message.jobId) === task;
  }

  /** Whether no other event of the job is on its way. Otherwise this event waits until that one is confirmed. */
  #joinsNoChain(task: EventTask): boolean {
    const chain = this.#chains.get(task.event.jobId);
    if (chain === undefined) this.#chains.set(task.event.jobId, []);
    else chain.push(task);
    return chain === undefined;
  }

  /** Puts an event back into its chain. Earlier events of its job may have been lost while it was in flight. */
  #firstOfChain(task: EventTask): EventTask {
    const chain = this.#chains.get(task.event.jobId) ?? [];
    const at = chain.findIndex(({ event }) => event.seq > task.event.seq);
    chain.splice(at < 0 ? chain.length : at, 0, task);
    return chain.shift() ?? task;
  }

  #nextOfChain(jobId: JobId): void {
    const next = this.#chains.get(jobId)?.shift();
    if (next === undefined) this.#chains.delete(jobId);
    else this.#events.publish(next);
  }
}

function isLater(one: WorkTask | undefined, other: WorkTask): boolean {
  return one !== undefined && (one.message.again ?? 0) > (other.message.again ?? 0);
}
