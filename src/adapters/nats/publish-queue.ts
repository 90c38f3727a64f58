/**
 * The queue of publishes to one stream. It preserves the order, bounds what is in flight and what waits, and chooses
 * how to send:
 *
 * - A few messages go one at a time, each with its own confirmation. This gives the least latency.
 * - Many messages (the publishes of one group commit, or a backlog) go as one batch with one confirmation (JetStream's
 *   fast ingest). Each message carries the batch and its number in its reply subject. This halves the cost per message
 *   for this process, and costs the server nothing.
 *
 * Invariants:
 * - A batch is not atomic: what came before an error is stored.
 * - While a batch is unconfirmed, everything later waits. A batch that is not confirmed whole (a known id at its head,
 *   a full stream, a gap) is repeated one message at a time before anything later goes out. So each message gets its
 *   own verdict, and what was stored already is recognized by its id.
 * - A stream that does not accept batches (we did not create it) gets every message singly.
 */
import { type Msg, MsgHdrsImpl, nuid } from '@nats-io/transport-node';
import { TroupeError } from '../../domain/errors.ts';
import { apiCodes, brokerUnavailable, publishRefused } from './broker-error.ts';
import type { ConfirmedPlace } from './confirmed-places.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import { isBatchProgress, readBatchEnd, readPubAck } from './pub-ack.ts';
import type { PendingReply, ReplyFailure, ReplyMux } from './reply-mux.ts';

export interface PublishQueueOptions {
  readonly link: NatsLink;
  readonly mux: ReplyMux;
  readonly limits: NatsLimits;
  /** False after a reconnect until we know what JetStream may have lost. What was lost must be published first. */
  isSure(): boolean;
  /** No confirmation came: the stream may be gone or recreated. */
  suspectLoss(): void;
  /** The published message has this position in the stream. */
  saw(place: ConfirmedPlace): void;
  /** A publish was confirmed. */
  confirmed(): void;
  /** A publish was not confirmed. */
  refused(error: TroupeError): void;
}

export interface PublishQueueMessage {
  readonly subject: string;
  /** Header lines, each with its line break. */
  readonly headers: string;
  readonly body: string;
  /**
   * Where subscribers hear the message at once, if not on the subject from which the stream takes it. It is sent first,
   * so the server has it when the stream confirms. Nobody confirms it, and each repeat is heard again, as on one subject.
   */
  readonly live?: { readonly subject: string; readonly headers: string };
}

interface Entry {
  readonly message: PublishQueueMessage;
  readonly resolve: () => void;
  readonly reject: (error: TroupeError) => void;
}

const headerStart = 'NATS/1.0\r\n';
const fullRetryMs = 250;
/** The server accepts 1,000. Smaller batches keep the pauses short. */
const batchMax = 500;
const batchMaxCharacters = 2 * 1024 * 1024;
/**
 * Operation codes of the server for the messages of a batch: the first, one in between, and the last, which asks for
 * the confirmation.
 */
const batchStart = 0;
const batchAppend = 1;
const batchCommit = 2;

export class PublishQueue {
  readonly #options: PublishQueueOptions;
  readonly #headers = new ReadyHeaders();
  readonly #batchPrefix = nuid.next();
  // Waiting entries, oldest first. Those before `#head` were taken; the array is cut rarely, because shifting it is
  // slow.
  #waiting: Entry[] = [];
  #head = 0;
  #inFlight = 0;
  /** True while a batch is unconfirmed. Nothing else is sent then. */
  #batchOut = false;
  /** False once the stream has refused batches. */
  #batchesTaken = true;
  /** How many entries at the head belong to a refused batch and are sent one at a time. */
  #singly = 0;
  #batches = 0;
  #pumpSoon = false;

  constructor(options: PublishQueueOptions) {
    this.#options = options;
    options.link.onDown(() => this.#pump());
  }

  /** Call this when the stream was recreated, because the new stream may accept batches. */
  restart(): void {
    this.#batchesTaken = true;
  }

  /**
   * Resolves once JetStream has confirmed the message. Rejects with BACKLOG_FULL if too many messages wait or the
   * stream is full, with PAYLOAD_TOO_LARGE, or with BROKER_UNAVAILABLE. Unless it was refused before sending, a
   * rejected message may have been stored; its message id makes a second publish harmless.
   */
  publish(message: PublishQueueMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = { message, resolve, reject };
      const refusal = this.#refusal(message);
      if (refusal !== undefined) {
        this.#refuse(entry, refusal);
        return;
      }
      this.#waiting.push(entry);
      if (this.#pumpSoon) return;
      this.#pumpSoon = true;
      // Wait until the caller has queued its whole group, so that the group can go as one batch.
      queueMicrotask(() => {
        this.#pumpSoon = false;
        this.#pump();
      });
    });
  }

  #refusal(message: PublishQueueMessage): TroupeError | undefined {
    const { link, limits } = this.#options;
    if (!link.connected) return brokerUnavailable('not connected to NATS');
    if (!this.#options.isSure()) return brokerUnavailable('the streams are being looked at');
    if (this.#waiting.length - this.#head >= limits.publishesWaiting) {
      const text = 'too many publishes wait for JetStream';
      return new TroupeError('BACKLOG_FULL', { message: text, retryAfterMs: fullRetryMs });
    }
    // Check an upper bound first, which is cheap: a UTF-16 unit takes at most 3 bytes in UTF-8.
    const headers = message.live?.headers ?? message.headers;
    const mostBytes = headers.length + message.body.length * 3 + headerBytes;
    if (mostBytes > link.maxPayload) {
      const bytes = headers.length + Buffer.byteLength(message.body) + headerBytes;
      if (bytes > link.maxPayload) return new TroupeError('PAYLOAD_TOO_LARGE');
    }
    return undefined;
  }

  /** Sends as much as the limits permit. If the connection is lost, it rejects everything that waits. */
  #pump(): void {
    const { link, limits } = this.#options;
    while (this.#head < this.#waiting.length) {
      const ready = this.#waiting.length - this.#head;
      if (!link.connected) {
        for (const entry of this.#take(ready)) this.#refuse(entry, brokerUnavailable(failureText.linkLost));
        this.#singly = 0;
      } else if (this.#batchOut) {
        return;
      } else if (this.#batchesTaken && this.#singly === 0 && ready >= limits.publishBatchFrom) {
        this.#sendBatch(this.#take(this.#batchSize()));
      } else if (this.#inFlight < limits.publishesInFlight) {
        if (this.#singly > 0) this.#singly -= 1;
        for (const entry of this.#take(1)) this.#sendOne(entry);
      } else {
        return;
      }
    }
  }

  #batchSize(): number {
    let count = 0;
    let characters = 0;
    for (let index = this.#head; count < batchMax && characters < batchMaxCharacters; index += 1) {
      const entry = this.#waiting[index];
      if (entry === undefined) break;
      characters += entry.message.headers.length + entry.message.body.length;
      count += 1;
    }
    return count;
  }

  #take(count: number): Entry[] {
    const taken = this.#waiting.slice(this.#head, this.#head + count);
    this.#head += taken.length;
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    } else if (this.#head >= batchMax) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  #sendOne(entry: Entry): void {
    this.#inFlight += 1;
    const { mux, limits } = this.#options;
    const { message } = entry;
    const { subject } = message;
    const target = { subject, headers: this.#headersOf(message.headers), timeoutMs: limits.publishTimeoutMs };
    const body = Buffer.from(message.body);
    this.#tellLive(message, body);
    mux.send(target, body, {
      onReply: (reply) => {
        this.#inFlight -= 1;
        this.#settle(entry, this.#read(entry, reply));
        this.#pump();
      },
      onFailure: (failure) => {
        this.#inFlight -= 1;
        this.#settle(entry, this.#failureError(failure));
        this.#pump();
      },
    });
  }

  #tellLive({ live }: PublishQueueMessage, body: Buffer): void {
    if (live === undefined) return;
    this.#options.link.connection.publish(live.subject, body, { headers: this.#headersOf(live.headers) });
  }

  /**
   * Sends a batch. The tokens of each reply subject are: the inbox, the batch id, how many messages may pass between
   * progress reports, what to do at a gap (`fail`), the message's number, and its operation.
   */
  #sendBatch(entries: readonly Entry[]): void {
    const { link, mux, limits } = this.#options;
    this.#batchOut = true;
    this.#batches += 1;
    const answers = mux.open(limits.publishTimeoutMs, this.#batchReply(entries));
    const batch = `${answers}.${this.#batchPrefix}${this.#batches}.${batchMax}.fail.`;
    for (const [index, { message }] of entries.entries()) {
      const operation = index + 1 === entries.length ? batchCommit : index === 0 ? batchStart : batchAppend;
      const reply = `${batch}${index + 1}.${operation}.$FI`;
      const body = Buffer.from(message.body);
      this.#tellLive(message, body);
      link.connection.publish(message.subject, body, { headers: this.#headersOf(message.headers), reply });
    }
  }

  #batchReply(entries: readonly Entry[]): PendingReply {
    return {
      isLast: (message) => !isBatchProgress(message.data),
      onReply: (message) => {
        const end = readBatchEnd(message.data);
        this.#batchOut = false;
        if ('count' in end && end.count === entries.length) {
          this.#sawSequence(end.seq, entries);
          this.#options.confirmed();
          for (const entry of entries) entry.resolve();
        } else {
          if ('err_code' in end && end.err_code === apiCodes.batchesDisabled) this.#batchesTaken = false;
          this.#waiting = [...entries, ...this.#waiting.slice(this.#head)];
          this.#head = 0;
          this.#singly = entries.length;
        }
        this.#pump();
      },
      onFailure: (failure) => {
        this.#batchOut = false;
        const error = this.#failureError(failure);
        for (const entry of entries) this.#settle(entry, error);
        this.#pump();
      },
    };
  }

  #headersOf(lines: string): ReadyHeaders {
    this.#headers.text = `${headerStart}${lines}\r\n`;
    return this.#headers;
  }

  #read(entry: Entry, message: Msg): TroupeError | undefined {
    const ack = readPubAck(message.data);
    if (typeof ack !== 'number') return publishRefused(ack);
    this.#sawSequence(ack, [entry]);
    return undefined;
  }

  /** Reports the position of stored messages. A `seq` of 0 means that the ids were known and nothing was stored. */
  #sawSequence(seq: number, entries: readonly Entry[]): void {
    if (seq === 0) return;
    // Keep the headers only and not the messages, because this is held until the stream has been checked.
    const headers = entries.map(({ message }) => message.headers);
    const isMine = (id: string): boolean => headers.some((lines) => lines.startsWith(`Nats-Msg-Id: ${id}\r\n`));
    this.#options.saw({ place: seq, isMine });
  }

  #failureError(failure: ReplyFailure): TroupeError {
    if (failure !== 'linkLost') this.#options.suspectLoss();
    return brokerUnavailable(failureText[failure]);
  }

  #settle(entry: Entry, error: TroupeError | undefined): void {
    if (error !== undefined) {
      this.#refuse(entry, error);
      return;
    }
    this.#options.confirmed();
    entry.resolve();
  }

  #refuse(entry: Entry, error: TroupeError): void {
    this.#options.refused(error);
    entry.reject(error);
  }
}

/** Size of the header version line and of the end of the header block. */
const headerBytes = 16;

const failureText = {
  timeout: 'JetStream did not confirm in time',
  linkLost: 'the link to NATS was lost before JetStream confirmed',
  noResponders: 'no stream takes this subject',
} as const satisfies Record<ReplyFailure, string>;

/**
 * A header block that is already encoded as text. The client encodes headers synchronously within `publish`, so one
 * instance serves all messages.
 */
class ReadyHeaders extends MsgHdrsImpl {
  text = '';

  override encode(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }
}
