/**
 * What is durable and still has to reach JetStream: WORK messages of queued jobs and events. First in, first out, with
 * a bounded window in flight; a failure pauses the outbox and is tried again for ever, since a job that was accepted is
 * dispatched whenever JetStream returns. Events of one job are published one after the other, so their order holds even
 * when one has to be repeated.
 */
import type { JobEvent, Publisher, WorkMessage } from '../../application/ports/bus.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { JobId } from '../../domain/job-id.ts';

type Task =
  | { readonly kind: 'work'; readonly message: WorkMessage; readonly atMs: number; readonly bucket: number }
  | { readonly kind: 'event'; readonly event: JobEvent; readonly atMs: number; readonly bucket: number };

export interface OutboxOptions {
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly windowMax: number;
  readonly retryMs: number;
  readonly onPublished?: () => void;
  /** Called when a bucket's last unpublished task has been published. */
  readonly onIdleBucket?: (bucket: number) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Task[] = [];
  #head = 0;
  readonly #inFlight = new Set<Task>();
  /** Later events of jobs that have one in flight. */
  readonly #chains = new Map<JobId, Task[]>();
  readonly #perBucket = new Map<number, number>();
  #failed: Task[] = [];
  #size = 0;
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  pendingOf(bucket: number): number {
    return this.#perBucket.get(bucket) ?? 0;
  }

  addWork(message: WorkMessage, atMs: number, bucket: number): void {
    this.#add({ kind: 'work', message, atMs, bucket });
  }

  addEvent(event: JobEvent, bucket: number): void {
    this.#add({ kind: 'event', event, atMs: event.atMs, bucket });
  }

  /** Earliest instant among what is not published yet; Infinity when all is. */
  oldestAtMs(kind: Task['kind']): number {
    let oldest = Infinity;
    const see = (task: Task): void => {
      if (task.kind === kind && task.atMs < oldest) oldest = task.atMs;
    };
    for (let i = this.#head; i < this.#queue.length; i += 1) {
      const task = this.#queue[i];
      if (task !== undefined) see(task);
    }
    this.#inFlight.forEach(see);
    this.#failed.forEach(see);
    for (const chain of this.#chains.values()) chain.forEach(see);
    return oldest;
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

  #add(task: Task): void {
    this.#queue.push(task);
    this.#size += 1;
    this.#perBucket.set(task.bucket, (this.#perBucket.get(task.bucket) ?? 0) + 1);
  }

  #publish(task: Task): void {
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

  #published(task: Task): void {
    this.#inFlight.delete(task);
    this.#size -= 1;
    this.#options.onPublished?.();
    const left = this.pendingOf(task.bucket) - 1;
    if (left > 0) this.#perBucket.set(task.bucket, left);
    else this.#perBucket.delete(task.bucket);
    if (task.kind === 'event') this.#nextOfChain(task.event.jobId);
    if (left <= 0) this.#options.onIdleBucket?.(task.bucket);
    this.pump();
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
