/**
 * One pull consumer of the modelled JetStream: first in, first out, at least once. A message that is not acknowledged
 * within its wait is redelivered. An acknowledgement or release of any of its deliveries counts.
 */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import type { Host } from './host.ts';
import type { Timeline } from './timeline.ts';

export interface QueuedDelivery {
  readonly seq: number;
  readonly message: WorkMessage;
  readonly deliveries: number;
}

interface Stored {
  readonly seq: number;
  readonly storedMs: number;
  readonly message: WorkMessage;
  deliveries: number;
  cancelWait: (() => void) | undefined;
}

interface WaitingPull {
  readonly host: Host;
  readonly deliver: (deliveries: readonly QueuedDelivery[]) => void;
  readonly cancel: () => void;
}

const ackWaitMs = 15_000;
const duplicateWindowMs = 30_000;

export class WorkQueue {
  readonly #timeline: Timeline;
  readonly #stored = new Map<number, Stored>();
  #ready: Stored[] = [];
  #pulls: WaitingPull[] = [];
  readonly #published = new Map<string, number>();
  readonly #nextSeq: () => number;
  /** Messages that were acknowledged since the server last wrote to its disk. */
  #acknowledged: Stored[] = [];

  constructor(timeline: Timeline, nextSeq: () => number) {
    this.#timeline = timeline;
    this.#nextSeq = nextSeq;
  }

  /** Number of messages, including those that were taken and not yet acknowledged. */
  get depth(): number {
    return this.#stored.size;
  }

  /** Position of the oldest message. Undefined if there is none. */
  get first(): number | undefined {
    return this.#stored.size === 0 ? undefined : Math.min(...this.#stored.keys());
  }

  /** Returns a function that tells whether the message is there and was never delivered. Undefined for a duplicate. */
  publish(message: WorkMessage): (() => boolean) | undefined {
    const id = idOf(message);
    const publishedMs = this.#published.get(id);
    if (publishedMs !== undefined && this.#timeline.nowMs - publishedMs < duplicateWindowMs) return undefined;
    this.#published.set(id, this.#timeline.nowMs);
    const storedMs = this.#timeline.nowMs;
    const stored: Stored = { seq: this.#nextSeq(), storedMs, message, deliveries: 0, cancelWait: undefined };
    this.#stored.set(stored.seq, stored);
    this.#offer(stored);
    // Compare the message itself, because a power cut lets positions be issued twice.
    return () => this.#stored.get(stored.seq) === stored && stored.deliveries === 0;
  }

  pull(request: {
    readonly host: Host;
    readonly batch: number;
    readonly waitMs: number;
    readonly deliver: WaitingPull['deliver'];
  }): void {
    const { host, deliver } = request;
    const taken = this.#ready.splice(0, request.batch);
    if (taken.length > 0 || request.waitMs <= 0) {
      deliver(taken.map((stored) => this.#handOut(stored)));
      return;
    }
    const cancel = this.#timeline.at(request.waitMs, () => {
      this.#pulls = this.#pulls.filter((other) => other !== pull);
      deliver([]);
    });
    const pull: WaitingPull = { host, deliver, cancel };
    this.#pulls.push(pull);
  }

  acknowledge(seq: number): void {
    const stored = this.#stored.get(seq);
    if (stored === undefined) return;
    stored.cancelWait?.();
    this.#stored.delete(seq);
    this.#acknowledged.push(stored);
    this.#ready = this.#ready.filter((other) => other !== stored);
  }

  release(seq: number): void {
    const stored = this.#stored.get(seq);
    if (stored?.cancelWait === undefined) return;
    stored.cancelWait();
    stored.cancelWait = undefined;
    this.#offer(stored);
  }

  /** Its process is gone: the server sees the connection close. */
  forget(host: Host): void {
    for (const pull of this.#pulls) if (pull.host === host) pull.cancel();
    this.#pulls = this.#pulls.filter((pull) => pull.host !== host);
  }

  synced(): void {
    this.#acknowledged = [];
  }

  /** An operator removes all messages from the stream. */
  purge(): void {
    for (const stored of this.#stored.values()) stored.cancelWait?.();
    this.#stored.clear();
    this.#ready = [];
  }

  /** The server restarts without what it had not written. Messages and acknowledgements since then never happened. */
  lose(syncedMs: number): void {
    const kept = [...this.#stored.values(), ...this.#acknowledged].filter(({ storedMs }) => storedMs <= syncedMs);
    this.close();
    this.purge();
    this.#acknowledged = [];
    this.#published.clear();
    for (const stored of kept.sort((one, other) => one.seq - other.seq)) {
      stored.cancelWait = undefined;
      this.#stored.set(stored.seq, stored);
      this.#published.set(idOf(stored.message), stored.storedMs);
      this.#ready.push(stored);
    }
  }

  /** Answers all waiting pulls with no messages. */
  close(): void {
    for (const stored of this.#stored.values()) stored.cancelWait?.();
    for (const pull of this.#pulls) {
      pull.cancel();
      pull.deliver([]);
    }
    this.#pulls = [];
  }

  #offer(stored: Stored): void {
    const pull = this.#pulls.shift();
    if (pull === undefined) {
      this.#ready.push(stored);
      return;
    }
    pull.cancel();
    pull.deliver([this.#handOut(stored)]);
  }

  #handOut(stored: Stored): QueuedDelivery {
    stored.deliveries += 1;
    stored.cancelWait = this.#timeline.at(ackWaitMs, () => {
      stored.cancelWait = undefined;
      this.#offer(stored);
    });
    return { seq: stored.seq, message: stored.message, deliveries: stored.deliveries };
  }
}

function idOf({ jobId, attempt, epoch, again = 0 }: WorkMessage): string {
  return `${jobId}.${attempt}.${epoch}+${again}`;
}
