/**
 * What is durable and still has to reach JetStream: WORK messages of queued jobs and events. First in, first out, with
 * a bounded window in flight; a failure pauses the outbox and is tried again for ever, since a job that was accepted is
 * dispatched whenever JetStream returns. Events of one job are published one after the other, so their order holds even
 * when one has to be repeated. What was confirmed is kept until a power cut of the server cannot take it any more.
 *
 * A WORK message leaves only while its job waits for it. One whose confirmation was lost may have started its job, and the
 * job may wait for a later one by the time of the repetition: JetStream knows ids for 30 s only, and none after a wipe.
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
  /** What JetStream confirmed is on its disk after so long. */
  readonly syncMs: number;
  /** Confirmed tasks that are remembered for as long. */
  readonly unsyncedMax: number;
  /** Whether the job still waits for this message. */
  readonly isWanted: (message: WorkMessage) => boolean;
  readonly onPublished: () => void;
  /** Called when a bucket's last unpublished task has been published. */
  readonly onIdleBucket?: (bucket: number) => void;
}

type WorkTask = Extract<OutboxTask, { readonly kind: 'work' }>;

export class Outbox {
  readonly #options: OutboxOptions;
  #queue: OutboxTask[] = [];
  #head = 0;
  readonly #inFlight = new Set<OutboxTask>();
  /** Later events of jobs that have one in flight. */
  readonly #chains = new Map<JobId, OutboxTask[]>();
  readonly #perBucket = new Map<number, number>();
  #failed: OutboxTask[] = [];
  /** Of what is not confirmed, so that no question needs a look at all of it. */
  readonly #instants = { work: new Instants(), event: new Instants() };
  /** The latest WORK message of each job, until it is confirmed. */
  readonly #latestWork = new Map<JobId, WorkTask>();
  /** Those whose latest WORK message was confirmed since JetStream was wiped, until all jobs were looked at. */
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

  /** Whether something about jobs of this minute is not surely in JetStream. */
  holds(bucket: number): boolean {
    return this.#perBucket.has(bucket) || this.#unsynced.holds(bucket);
  }

  /** Whether the latest WORK message of the job is not confirmed. Earlier ones do not speak for it. */
  isToSend(jobId: JobId): boolean {
    return this.#latestWork.has(jobId);
  }

  /** JetStream was wiped: of what it confirmed before it has nothing. */
  wiped(): void {
    this.#confirmedAnew = new Set();
  }

  /**
   * Whether JetStream has the latest WORK message of a job since it was wiped, or gets it from here. Undefined: it was not
   * wiped since the last call. What was told again may be confirmed long before anybody looks at all jobs.
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

  /** Earliest instant among what is not surely in JetStream; Infinity when all is. */
  oldestAtMs(kind: OutboxTask['kind']): number {
    return Math.min(this.#unsynced.oldestAtMs(kind), this.#instants[kind].earliestAtMs);
  }

  /** Time counts for a server that was heard of: one that has died syncs nothing. */
  tick(): void {
    const soundAtMs = this.#options.publisher.soundAtMs();
    if (soundAtMs !== undefined) this.#unsynced.expire(soundAtMs);
  }

  /**
   * JetStream may have lost what it confirmed last: that is told again, before anything that came later. The ids of
   * messages are those of the first time, so what is still there stays alone. Answers the jobs whose WORK messages are told
   * again; undefined: not all of it is remembered here.
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

  /** What is not on its way, in order. */
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

  /** Nothing is to be sent for the task any more. */
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

  /** After a pause the failed ones go first; a failed event still holds its job's chain. */
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
