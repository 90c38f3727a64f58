/**
 * `ctx.checkpoint` inside a thread. One checkpoint is under way at a time. Of those that wait, only the newest is sent.
 * The run's slot says whether a checkpoint is durable, so that a synchronous loop learns of it too, at its next call.
 */
import { encodeCheckpoint, stillSaved } from '../../../handlers/checkpoint.ts';
import type { RunOutput } from '../../../domain/attempt-outcome.ts';
import { fail } from '../../../handlers/handler-error.ts';
import type { RunSlot } from '../protocol/run-slot.ts';
import type { CheckpointNote } from '../protocol/thread-messages.ts';

/** The next checkpoint waits at least this long, and longer if the last one was large. */
const gapMinMs = 100;
const bytesPerMs = 1_024;

interface Waiting {
  number: number;
  payload: RunOutput;
  /** What is sent of it now. Of a streamed one nothing: it is in the store. */
  bytes: number;
  /** Shared by all waiting checkpoints that this one replaces. */
  readonly settled: PromiseWithResolvers<undefined>;
}

export class ThreadCheckpoints {
  readonly #slot: RunSlot;
  readonly #post: (note: CheckpointNote) => void;
  readonly #now: () => number;
  #closed = false;
  #number = 0;
  #underWay: Waiting | undefined;
  #next: Waiting | undefined;
  #nextAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #streaming = false;

  constructor(slot: RunSlot, post: (note: CheckpointNote) => void, now: () => number) {
    this.#slot = slot;
    this.#post = post;
    this.#now = now;
  }

  /** Throws at once if the value cannot be saved. */
  save(value: unknown): Promise<void> {
    const { payload, bytes } = encodeCheckpoint(value);
    return this.#offer(payload, bytes);
  }

  /** `write` stores the bytes and resolves with their number. One at a time, because each has a source that is open. */
  saveStream(write: () => Promise<number>): Promise<void> {
    if (this.#streaming) throw stillSaved();
    this.#streaming = true;
    const saved = write()
      .then((bytes) => this.#offer({ kind: 'streamed', bytes }, 0))
      .finally(() => {
        this.#streaming = false;
      });
    saved.catch(() => undefined);
    return saved;
  }

  #offer(payload: RunOutput, bytes: number): Promise<void> {
    if (this.#closed) return handled(Promise.reject(fail('the attempt has ended')));
    this.#number += 1;
    const settled = this.#next?.settled ?? Promise.withResolvers<undefined>();
    this.#next = { number: this.#number, payload, bytes, settled };
    this.#look();
    return handled(settled.promise);
  }

  /** `keep`: a waiting checkpoint is still sent, because another attempt may need it. */
  close(keep: boolean): void {
    clearTimeout(this.#timer);
    if (keep && this.#next !== undefined) this.#post(noteOf(this.#next));
    this.#closed = true;
    for (const open of [this.#underWay, this.#next]) open?.settled.reject(fail('the attempt has ended'));
  }

  #look(): void {
    if (this.#closed) return;
    const { number, saved } = this.#slot.settled;
    if (this.#underWay?.number === number) {
      if (saved) this.#underWay.settled.resolve(undefined);
      else this.#underWay.settled.reject(fail('the checkpoint was not saved: another attempt holds the job'));
      this.#underWay = undefined;
    }
    if (this.#underWay === undefined && this.#next !== undefined) this.#send(this.#next, number);
  }

  #send(next: Waiting, settled: number): void {
    const nowMs = this.#now();
    clearTimeout(this.#timer);
    // An attempt that is being stopped has no time to lose.
    if (nowMs < this.#nextAtMs && !this.#slot.stopRequested()) {
      this.#timer = setTimeout(() => this.#look(), this.#nextAtMs - nowMs).unref();
      return;
    }
    this.#next = undefined;
    this.#underWay = next;
    this.#nextAtMs = nowMs + Math.max(gapMinMs, next.bytes / bytesPerMs);
    this.#post(noteOf(next));
    void this.#slot.otherSettled(settled).then(() => this.#look());
  }
}

function noteOf({ number, payload }: Waiting): CheckpointNote {
  return { kind: 'checkpoint', number, payload };
}

/** A caller that does not wait for the checkpoint need not catch its rejection either. */
function handled(promise: Promise<undefined>): Promise<undefined> {
  promise.catch(() => undefined);
  return promise;
}
