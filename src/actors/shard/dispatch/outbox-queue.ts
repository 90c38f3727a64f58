/**
 * Facts of one kind that wait for JetStream. The outbox has a queue for WORK messages and one for events, so that
 * neither waits behind what JetStream refuses of the other. A queue is first in, first out, with a bounded window in
 * flight.
 *
 * When a message is not taken, the queue pauses, and then begins with what was not taken. The first pause is half a
 * second; each further one is twice as long, up to 15 s, until a message is taken. A pause because JetStream was out of
 * reach ends earlier, as soon as JetStream has answered again.
 */
import type { Clock } from '../../../application/ports/runtime.ts';
import { TroupeError } from '../../../domain/errors.ts';

const pauseFirstMs = 500;
const pauseMostMs = 15_000;
/** How many tasks may have gone from the head of the queue before its array is shortened. */
const goneMax = 1_024;

export interface OutboxQueueParts<Task> {
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly random: () => number;
  readonly windowMax: number;
  /** False when the task must not leave the queue for JetStream now. Whoever says so publishes it later. */
  readonly admits: (task: Task) => boolean;
  /** Undefined when nobody needs the task any more. */
  readonly send: (task: Task) => Promise<void> | undefined;
  readonly onPublished: (task: Task) => void;
  /** JetStream did not take the task. Returns what goes next in its place. */
  readonly onFailed: (task: Task) => Task;
}

interface Pause {
  readonly cancel: () => void;
  readonly sinceMs: number;
  /** JetStream answered, and did not take the message. */
  readonly isRefusal: boolean;
}

export class OutboxQueue<Task> {
  readonly #parts: OutboxQueueParts<Task>;
  #queue: Task[] = [];
  #head = 0;
  readonly #inFlight = new Set<Task>();
  #failed: Task[] = [];
  #pause: Pause | undefined;
  /** Pauses since a message was last taken. */
  #pauses = 0;
  #isStopped = false;

  constructor(parts: OutboxQueueParts<Task>) {
    this.#parts = parts;
  }

  get inFlight(): ReadonlySet<Task> {
    return this.#inFlight;
  }

  add(task: Task): void {
    this.#queue.push(task);
  }

  /** Takes out the tasks that are not in flight: those that were not taken, and those that never went. */
  takeAll(): readonly [failed: readonly Task[], waiting: readonly Task[]] {
    const [failed, waiting] = [this.#failed, this.#queue.slice(this.#head)];
    this.#failed = [];
    this.#queue = [];
    this.#head = 0;
    return [failed, waiting];
  }

  /** Publishes as much as the window allows. */
  pump(): void {
    while (!this.#isStopped && this.#pause === undefined && this.#inFlight.size < this.#parts.windowMax) {
      const task = this.#queue[this.#head];
      if (task === undefined) break;
      this.#head += 1;
      if (this.#parts.admits(task)) this.publish(task);
    }
    if (this.#head > goneMax && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Publishes a task that is not in the queue, whatever the window allows. */
  publish(task: Task): void {
    if (this.#isStopped) return;
    const sent = this.#parts.send(task);
    if (sent === undefined) return;
    this.#inFlight.add(task);
    sent.then(
      () => {
        this.#inFlight.delete(task);
        this.#pauses = 0;
        this.#parts.onPublished(task);
        this.pump();
      },
      (error: unknown) => {
        this.#inFlight.delete(task);
        this.#failed.push(this.#parts.onFailed(task));
        this.#rest(error);
      },
    );
  }

  /** JetStream answered at this monotonic time. */
  heard(atMs: number): void {
    if (this.#pause === undefined || this.#pause.isRefusal || atMs <= this.#pause.sinceMs) return;
    this.#pause.cancel();
    this.#goOn();
  }

  stop(): void {
    this.#isStopped = true;
    this.#pause?.cancel();
  }

  #rest(error: unknown): void {
    if (this.#isStopped || this.#pause !== undefined) return;
    const { clock, random } = this.#parts;
    const mostMs = Math.min(pauseMostMs, pauseFirstMs * 2 ** Math.min(this.#pauses, 10));
    this.#pauses += 1;
    // Queues that were refused together do not come back together.
    const pauseMs = mostMs * (1 - random() / 2);
    this.#pause = {
      cancel: clock.setTimer(pauseMs, () => {
        this.#goOn();
      }),
      sinceMs: clock.monotonicMs(),
      isRefusal: !(error instanceof TroupeError && error.code === 'BROKER_UNAVAILABLE'),
    };
  }

  #goOn(): void {
    this.#pause = undefined;
    const failed = this.#failed;
    this.#failed = [];
    for (const task of failed) this.publish(task);
    this.pump();
  }
}
