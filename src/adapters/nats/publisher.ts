/**
 * Publishing to WORK and EVENTS: the hottest path to NATS (several messages a job). Bounded in flight with a bounded
 * queue behind; the order of publishing is kept on the connection. Message ids make a second publish harmless, so every
 * doubt (timeout, lost link) is simply a rejection.
 */
import { MsgHdrsImpl } from '@nats-io/transport-node';
import type { Msg } from '@nats-io/transport-node';
import type { JobEvent, Publisher, WorkMessage } from '../../application/ports/bus.ts';
import type { Counter, Telemetry } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { brokerUnavailable, publishRefused } from './broker-error.ts';
import { cloudEventHeaderText } from './cloud-event.ts';
import type { NatsLimits } from './limits.ts';
import type { NatsLink } from './link.ts';
import type { NatsNames } from './names.ts';
import type { PendingReply, ReplyFailure, ReplyMux } from './reply-mux.ts';
import type { StreamGuard } from './stream-guard.ts';

export interface PublisherOptions {
  readonly link: NatsLink;
  readonly mux: ReplyMux;
  readonly guard: StreamGuard;
  readonly names: NatsNames;
  readonly limits: NatsLimits;
  readonly telemetry: Telemetry;
}

const ackPayload = Buffer.from('+ACK');
const ackPrefix = '$JS.ACK.';
const fullRetryMs = 250;

export class NatsPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #headers = new ReadyHeaders();
  readonly #failures: Counter;
  readonly #work: StreamProgress = { lastSeq: 0 };
  readonly #events: StreamProgress = { lastSeq: 0 };
  #inFlight = 0;
  #waiting: Publish[] = [];
  #waitingHead = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#failures = options.telemetry.counter({
      name: 'troupe_nats_publish_failures_total',
      help: 'JetStream publishes that were not confirmed.',
      labelNames: ['code'],
    });
    options.link.onDown(() => this.#drain());
    options.guard.onReplaced(() => {
      this.#work.lastSeq = 0;
      this.#events.lastSeq = 0;
    });
  }

  publishWork(message: WorkMessage): Promise<void> {
    const subject = this.#options.names.workSubject(message.tenant, message.queue);
    const { jobId, attempt, generation } = message;
    const header = `NATS/1.0\r\nNats-Msg-Id: ${jobId}.${attempt}.${generation}\r\n\r\n`;
    const body = `{"jobId":"${jobId}","attempt":${attempt},"generation":${generation}}`;
    return this.#publish(subject, header, body, this.#work);
  }

  publishEvent(event: JobEvent): Promise<void> {
    const { names } = this.#options;
    const subject = names.eventSubject(event.tenant, event.queue, event.type, event.jobId);
    return this.#publish(subject, cloudEventHeaderText(event, names.root), JSON.stringify(event.data), this.#events);
  }

  acknowledge(ackTo: string): void {
    if (ackTo.startsWith(ackPrefix)) this.#options.link.trySend(ackTo, ackPayload);
  }

  streams(): string | undefined {
    return this.#options.guard.identity;
  }

  onStreamsReplaced(listener: (streams: string) => void): () => void {
    return this.#options.guard.onReplaced(listener);
  }

  #publish(subject: string, header: string, body: string, progress: StreamProgress): Promise<void> {
    return new Promise((resolve, reject) => {
      const publish = new Publish(this, { subject, header, body, progress }, { resolve, reject });
      if (!this.#options.link.connected) {
        this.refuse(publish, brokerUnavailable('not connected to NATS'));
      } else if (this.#inFlight < this.#options.limits.publishesInFlight && this.#waiting.length === 0) {
        this.#send(publish);
      } else if (this.#waiting.length - this.#waitingHead < this.#options.limits.publishesWaiting) {
        this.#waiting.push(publish);
      } else {
        const message = 'too many publishes wait for JetStream';
        this.refuse(publish, new TroupeError('BACKLOG_FULL', { message, retryAfterMs: fullRetryMs }));
      }
    });
  }

  #send(publish: Publish): void {
    const { subject, header, body } = publish.message;
    this.#headers.text = header;
    try {
      const target = { subject, headers: this.#headers, timeoutMs: this.#options.limits.publishTimeoutMs };
      this.#options.mux.send(target, Buffer.from(body), publish);
      this.#inFlight += 1;
    } catch (error) {
      this.refuse(publish, new TroupeError('PAYLOAD_TOO_LARGE', { cause: error }));
    }
  }

  /** Called by a publish once its answer, or the lack of one, is known. */
  settled(publish: Publish, answer: Msg | ReplyFailure): void {
    this.#inFlight -= 1;
    if (typeof answer === 'string') this.#fail(publish, answer);
    else this.#read(publish, answer.data);
    if (this.#waiting.length > 0) this.#drain();
  }

  refuse(publish: Publish, error: TroupeError): void {
    this.#failures.add(1, { code: error.code });
    publish.settle.reject(error);
  }

  #read(publish: Publish, data: Uint8Array): void {
    const ack = readPubAck(data);
    if (typeof ack !== 'number') {
      this.refuse(publish, publishRefused(ack));
      return;
    }
    const { progress } = publish.message;
    // A stream that counts backwards is another stream than before. (0: the id was known, nothing was stored.)
    if (ack !== 0) {
      if (ack < progress.lastSeq) this.#options.guard.suspect();
      progress.lastSeq = ack;
    }
    publish.settle.resolve();
  }

  #fail(publish: Publish, failure: ReplyFailure): void {
    if (failure !== 'linkLost') this.#options.guard.suspect();
    this.refuse(publish, brokerUnavailable(failureText[failure]));
  }

  /** Sends what may be sent; without a link everything that waits is refused. */
  #drain(): void {
    const { link, limits } = this.#options;
    while (this.#waitingHead < this.#waiting.length) {
      if (link.connected && this.#inFlight >= limits.publishesInFlight) break;
      const publish = this.#waiting[this.#waitingHead];
      this.#waitingHead += 1;
      if (publish === undefined) continue;
      if (link.connected) this.#send(publish);
      else this.refuse(publish, brokerUnavailable(failureText.linkLost));
    }
    if (this.#waitingHead === this.#waiting.length) {
      this.#waiting = [];
      this.#waitingHead = 0;
    } else if (this.#waitingHead > limits.publishesInFlight) {
      this.#waiting = this.#waiting.slice(this.#waitingHead);
      this.#waitingHead = 0;
    }
  }
}

const failureText = {
  timeout: 'JetStream did not confirm in time',
  linkLost: 'the link to NATS was lost before JetStream confirmed',
  noResponders: 'no stream takes this subject',
} as const satisfies Record<ReplyFailure, string>;

interface StreamProgress {
  lastSeq: number;
}

interface OutgoingMessage {
  readonly subject: string;
  readonly header: string;
  readonly body: string;
  readonly progress: StreamProgress;
}

class Publish implements PendingReply {
  readonly message: OutgoingMessage;
  readonly settle: { readonly resolve: () => void; readonly reject: (error: TroupeError) => void };
  readonly #owner: NatsPublisher;

  constructor(owner: NatsPublisher, message: OutgoingMessage, settle: Publish['settle']) {
    this.#owner = owner;
    this.message = message;
    this.settle = settle;
  }

  onReply(message: Msg): void {
    this.#owner.settled(this, message);
  }

  onFailure(failure: ReplyFailure): void {
    this.#owner.settled(this, failure);
  }
}

/** A header block that is already text; the client encodes it synchronously within `publish`, so one serves all. */
class ReadyHeaders extends MsgHdrsImpl {
  text = '';

  override encode(): Uint8Array {
    return Buffer.from(this.text, 'latin1');
  }
}

interface PubAckError {
  readonly err_code?: number;
  readonly description?: string;
}

const letterS = 0x73;
const quote = 0x22;

/** The sequence, 0 for a duplicate, or the error. Written for speed: `{"stream":"X", "seq":12}` is not parsed as JSON. */
export function readPubAck(data: Uint8Array): number | PubAckError {
  if (data[1] === quote && data[2] === letterS) {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
    const at = text.indexOf('"seq":');
    if (at > 0) return text.includes('"duplicate":', at) ? 0 : Number.parseInt(text.slice(at + 6), 10);
  }
  const answer = JSON.parse(Buffer.from(data).toString()) as { error?: PubAckError; seq?: number; duplicate?: boolean };
  if (answer.error !== undefined) return answer.error;
  return answer.duplicate === true ? 0 : (answer.seq ?? 0);
}
