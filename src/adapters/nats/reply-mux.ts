/**
 * Sends requests and receives the answers over one inbox. It is cheaper than the client's own request: no timer,
 * promise race or stack trace per request, and one sweep for all deadlines. All pending requests fail at once when the
 * connection is lost, so none hangs.
 */
import type { Msg, MsgHdrs, Payload } from '@nats-io/transport-node';
import type { Clock } from '../../application/ports/runtime.ts';
import type { NatsLink } from './link.ts';

/** Why no answer came. After `noResponders` nothing was done; after the others the outcome is unknown. */
export type ReplyFailure = 'timeout' | 'linkLost' | 'noResponders';

export interface PendingReply {
  /** True if no further answer follows. Undefined: the first answer is the last. */
  isLast?(message: Msg): boolean;
  /** Called with the last answer. */
  onReply(message: Msg): void;
  onFailure(failure: ReplyFailure): void;
}

interface Entry {
  readonly pending: PendingReply;
  readonly deadlineMs: number;
}

/** A deadline is noticed at most so late, or twice as late after the process stood still. */
const sweepMs = 50;
/** A sweep that comes later than this shows that the process stood still. Its answers may have come meanwhile, unread. */
const lateMaxMs = 50;

export class ReplyMux {
  readonly #link: Pick<NatsLink, 'connection'>;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #entries = new Map<number, Entry>();
  #nextId = 0;
  #sweeping = false;
  #nowMs: number;
  #isPutOff = false;

  constructor(link: Pick<NatsLink, 'connection' | 'newInbox' | 'onDown'>, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.#nowMs = clock.monotonicMs();
    this.#prefix = `${link.newInbox()}.`;
    link.connection.subscribe(`${this.#prefix}>`, { callback: (_error, message) => this.#receive(message) });
    link.onDown(() => this.#failAll('linkLost'));
  }

  get pending(): number {
    return this.#entries.size;
  }

  /**
   * Sends a request. The caller has checked that the connection is up. Throws the client's error if the message is too
   * large.
   */
  send(
    target: { readonly subject: string; readonly headers?: MsgHdrs; readonly timeoutMs: number },
    data: Payload,
    pending: PendingReply,
  ): void {
    const id = this.#takeId();
    const reply = this.#prefix + String(id);
    const options = target.headers === undefined ? { reply } : { reply, headers: target.headers };
    this.#link.connection.publish(target.subject, data, options);
    this.#expect(id, target.timeoutMs, pending);
  }

  /** Returns a subject for answers to messages that the caller sends itself. The caller may append further tokens. */
  open(timeoutMs: number, pending: PendingReply): string {
    const id = this.#takeId();
    this.#expect(id, timeoutMs, pending);
    return this.#prefix + String(id);
  }

  #takeId(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  #expect(id: number, timeoutMs: number, pending: PendingReply): void {
    this.#armSweep();
    // `#nowMs` is as old as the last sweep, so the deadline would be up to one sweep early. One sweep is added to
    // compensate.
    this.#entries.set(id, { pending, deadlineMs: this.#nowMs + timeoutMs + sweepMs });
  }

  #receive(message: Msg): void {
    // `parseInt` stops at the first dot, so tokens that the caller appended are ignored.
    const id = Number.parseInt(message.subject.slice(this.#prefix.length), 10);
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const nobody = message.data.length === 0 && message.headers?.code === 503;
    if (!nobody && entry.pending.isLast?.(message) === false) return;
    this.#entries.delete(id);
    if (nobody) entry.pending.onFailure('noResponders');
    else entry.pending.onReply(message);
  }

  #armSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#nowMs = this.#clock.monotonicMs();
    this.#clock.setTimer(sweepMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweeping = false;
    const lateMs = this.#clock.monotonicMs() - this.#nowMs - sweepMs;
    this.#nowMs += sweepMs + lateMs;
    // Put off once, or a process that is always late would never give up.
    this.#isPutOff = lateMs > lateMaxMs && !this.#isPutOff;
    if (this.#isPutOff) {
      this.#armSweep();
      return;
    }
    for (const [id, entry] of this.#entries) {
      if (entry.deadlineMs > this.#nowMs) continue;
      this.#entries.delete(id);
      entry.pending.onFailure('timeout');
    }
    if (this.#entries.size > 0) this.#armSweep();
  }

  #failAll(failure: ReplyFailure): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) entry.pending.onFailure(failure);
  }
}
