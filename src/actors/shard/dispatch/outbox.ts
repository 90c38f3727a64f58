/**
 * What is durable and still has to reach JetStream: events, and WORK messages of queued jobs. It is first in, first
 * out, with a bounded window in flight. A failure pauses the outbox, and retries never end: an accepted job is
 * dispatched whenever JetStream returns. Events of one job are published one after the other, so their order holds even
 * when one has to be repeated. What was confirmed is remembered until a power cut of the server can no longer lose it.
 *
 * A WORK message is published only while its job waits for it. If its confirmation was lost, the message may already
 * have started the job, and by the time of the repetition the job may wait for a later message. JetStream would not
 * notice the duplicate, because it remembers message ids for 30 s only, and none after a wipe.
 */
import type { JobEvent, Publisher, WorkMessage } from '../../../application/ports/bus.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import type { JobId } from '../../../domain/job-id.ts';
import { Instants } from './earliest-instant.ts';
import { type OutboxTask, Unsynced } from './unsynced.ts';

export interface OutboxOptions {
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly windowMax: number;
  readonly retryMs: number;
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

export class Outbox {
  readonly #options: OutboxOptions;
  #queue: OutboxTask[] = [];
  #head = 0;
  readonly #inFlight = new Set<OutboxTask>();
  /** Later events of jobs that have an event in flight. */
  readonly #chains = new Map<JobId, OutboxTask[]>();
  readonly #perBucket = new Map<number, number>();
  #failed: OutboxTask[] = [];
  /** Instants of the unconfirmed tasks, so that no question has to scan all tasks. */
  readonly #instants = { work: new Instants(), event: new Instants() };
  /** The latest WORK message of each job, until it is confirmed. */
  readonly #latestWork = new Map<JobId, WorkTask>();
  /** Jobs whose latest WORK message was confirmed after JetStream was wiped, until `takeWiped` is called. */
  #confirmedAnew: Set<JobId> | undefined;
  readonly #unsynced: Unsynced;
  #size = 0;
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#unsynced = new Unsynced(options.syncMs, options.unsyncedMax);
  }

  get size(): number {
    return this.#size;
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
    this.#add({ kind: 'work', message, atMs, bucket });
  }

  addEvent(event: JobEvent, bucket: number): void {
    this.#add({ kind: 'event', event, atMs: event.atMs, bucket });
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
    if (soundAtMs !== undefined) this.#unsynced.expire(soundAtMs);
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
    const again = lost.filter((task) => task.kind === 'event' || this.#options.isWanted(task.message));
    for (const task of again) this.#count(task);
    const waiting = [...this.#waiting()];
    this.#failed = [];
    this.#chains.clear();
    for (const task of this.#inFlight) if (task.kind === 'event') this.#chains.set(task.event.jobId, []);
    this.#queue = [...again, ...waiting];
    this.#head = 0;
    this.pump();
    return again.flatMap((task) => (task.kind === 'work' ? [task.message.jobId] : []));
  }

  /** Publishes as much as the window allows. */
  pump(): void {
    while (!this.#stopped && this.#cancelRetry === undefined && this.#inFlight.size < this.#options.windowMax) {
      const task = this.#queue[this.#head];
      if (task === undefined) break;
      this.#head += 1;
      if (task.kind === 'event') {
        const chain = this.#chains.get(task.event.jobId);
        if (chain !== undefined) {
          chain.push(task);
          continue;
        }
        this.#chains.set(task.event.jobId, []);
      }
      this.#publish(task);
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
  }

  /** The tasks that are not in flight, in order. */
  *#waiting(): Generator<OutboxTask> {
    yield* this.#failed;
    for (const chain of this.#chains.values()) yield* chain;
    for (let i = this.#head; i < this.#queue.length; i += 1) {
      const task = this.#queue[i];
      if (task !== undefined) yield task;
    }
  }

  #add(task: OutboxTask): void {
    this.#queue.push(task);
    this.#count(task);
  }

  #count(task: OutboxTask): void {
    this.#size += 1;
    this.#perBucket.set(task.bucket, (this.#perBucket.get(task.bucket) ?? 0) + 1);
    this.#instants[task.kind].add(task.atMs);
    if (task.kind === 'work' && !isLater(this.#latestWork.get(task.message.jobId), task)) {
      this.#latestWork.set(task.message.jobId, task);
    }
  }

  #publish(task: OutboxTask): void {
    if (task.kind === 'work' && !this.#options.isWanted(task.message)) {
      this.#done(task);
      return;
    }
    this.#inFlight.add(task);
    const { publisher } = this.#options;
    const sent = task.kind === 'work' ? publisher.publishWork(task.message) : publisher.publishEvent(task.event);
    sent.then(
      () => {
        this.#published(task);
      },
      () => {
        this.#inFlight.delete(task);
        this.#failed.push(task);
        this.#pause();
      },
    );
  }

  #published(task: OutboxTask): void {
    this.#inFlight.delete(task);
    this.#unsynced.keep(task, this.#options.clock.monotonicMs());
    if (this.#isLatest(task)) this.#confirmedAnew?.add(task.message.jobId);
    this.#options.onPublished();
    this.#done(task);
    if (task.kind === 'event') this.#nextOfChain(task.event.jobId);
    this.pump();
  }

  /** The task needs no further sending. */
  #done(task: OutboxTask): void {
    this.#size -= 1;
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

  #nextOfChain(jobId: JobId): void {
    const next = this.#chains.get(jobId)?.shift();
    if (next === undefined) this.#chains.delete(jobId);
    else if (!this.#stopped) this.#publish(next);
  }

  /** After a pause the failed tasks go first. A failed event still blocks the later events of its job. */
  #pause(): void {
    if (this.#stopped || this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#options.clock.setTimer(this.#options.retryMs, () => {
      this.#cancelRetry = undefined;
      const failed = this.#failed;
      this.#failed = [];
      for (const task of failed) this.#publish(task);
      this.pump();
    });
  }
}

function isLater(one: WorkTask | undefined, other: WorkTask): boolean {
  return one !== undefined && (one.message.again ?? 0) > (other.message.again ?? 0);
}
