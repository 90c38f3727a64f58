/**
 * Facts of one kind that wait for JetStream. The outbox has a queue for WORK messages and one for events, so that
 * neither waits behind what JetStream refuses of the other. A queue has a line for each tenant, first in, first out;
 * the lines take turns. Its window in flight is bounded.
 *
 * When a message is not taken, the queue pauses, and then begins with what was not taken. The first pause is half a
 * second; each further one is twice as long, up to 15 s, until a message is taken. A pause because JetStream was out of
 * reach ends earlier, as soon as JetStream has answered again.
 */
import type { Clock } from '../../../application/ports/runtime.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { TurnQueue } from '../../../domain/turn-queue.ts';

const pauseFirstMs = 500;
const pauseMostMs = 15_000;

export interface OutboxQueueParts<Task> {
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly random: () => number;
  readonly windowMax: number;
  readonly tenantOf: (task: Task) => string;
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
  #waiting = new TurnQueue<Task>();
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
    this.#waiting.add(this.#parts.tenantOf(task), task);
  }

  /** Takes out the tasks that are not in flight: those that were not taken, and those that never went. */
  takeAll(): readonly [failed: readonly Task[], waiting: readonly Task[]] {
    const [failed, waiting] = [this.#failed, [...this.#waiting.all()]];
    this.#failed = [];
    this.#waiting = new TurnQueue();
    return [failed, waiting];
  }

  /** Publishes as much as the window allows. */
  pump(): void {
    while (!this.#isStopped && this.#pause === undefined && this.#inFlight.size < this.#parts.windowMax) {
      const task = this.#waiting.next();
      if (task === undefined) break;
      this.#waiting.take();
      if (this.#parts.admits(task)) this.publish(task);
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
