/**
 * JSON requests and answers over core NATS, used by the shard link and the node link. An answer is `{"results":…}` in
 * the shape that the caller expects, or `{"error":WireError}` if the request as a whole failed.
 */
import type { Msg, Subscription } from '@nats-io/transport-node';
import { TroupeError } from '../../domain/errors.ts';
import type { NatsLink } from './link.ts';
import type { ReplyFailure, ReplyMux } from './reply-mux.ts';

export interface Request {
  readonly subject: string;
  readonly body: string;
  readonly timeoutMs: number;
  /** The error if no process listens. Nothing was done in that case. */
  readonly nobody: { readonly code: 'SHARD_UNAVAILABLE' | 'NODE_SILENT'; readonly message: string };
}

export class Requester {
  readonly #link: NatsLink;
  readonly #mux: ReplyMux;
  readonly #maxWaiting: number;
  #waiting = 0;

  constructor(link: NatsLink, mux: ReplyMux, maxWaiting: number) {
    this.#link = link;
    this.#mux = mux;
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Sends a request and waits for the answer. Rejects with:
   *
   * - BROKER_UNAVAILABLE or SHUTTING_DOWN, if there is no connection;
   * - OVERLOADED, if too many requests of this process wait for an answer;
   * - PAYLOAD_TOO_LARGE, if the request exceeds the server's maximum;
   * - the code of `nobody`, if no process listens;
   * - OUTCOME_UNKNOWN, if no answer came in time or the connection was lost: the request may have been carried out;
   * - the error that the answer holds.
   */
  async ask(request: Request): Promise<Record<string, unknown>> {
    this.#link.assertConnected();
    if (this.#waiting >= this.#maxWaiting) {
      throw new TroupeError('OVERLOADED', { message: 'too many requests wait for an answer', retryAfterMs: 100 });
    }
    const data = Buffer.from(request.body);
    if (data.length > this.#link.maxPayload)
      throw new TroupeError('PAYLOAD_TOO_LARGE', { metadata: sizes(data, this.#link) });
    this.#waiting += 1;
    try {
      return readAnswer(await this.#send(request, data));
    } finally {
      this.#waiting -= 1;
    }
  }

  #send(request: Request, data: Uint8Array): Promise<Msg> {
    return new Promise((resolve, reject) => {
      this.#mux.send({ subject: request.subject, timeoutMs: request.timeoutMs }, data, {
        onReply: resolve,
        onFailure: (failure) => reject(failureError(failure, request)),
      });
    });
  }
}

function sizes(data: Uint8Array, link: NatsLink): Record<string, string> {
  return { payloadBytes: String(data.length), payloadMaxBytes: String(link.maxPayload) };
}

function failureError(failure: ReplyFailure, request: Request): TroupeError {
  switch (failure) {
    case 'noResponders':
      return new TroupeError(request.nobody.code, { message: request.nobody.message, retryAfterMs: 250 });
    case 'timeout':
      return new TroupeError('OUTCOME_UNKNOWN', { message: `no answer within ${request.timeoutMs} ms` });
    case 'linkLost':
      return new TroupeError('OUTCOME_UNKNOWN', { message: 'the link to NATS was lost before the answer came' });
  }
}

function readAnswer(message: Msg): Record<string, unknown> {
  let answer: Record<string, unknown>;
  try {
    answer = asObject(message.json());
  } catch (error) {
    throw new TroupeError('OUTCOME_UNKNOWN', { message: 'the answer cannot be decoded', cause: error });
  }
  const { error } = answer as { error?: unknown };
  if (error !== undefined) throw TroupeError.fromWire(error);
  return answer;
}

/** Throws TypeError if the value is not a JSON object. */
export function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not a JSON object');
  return value as Record<string, unknown>;
}

export interface ReplyOptions {
  readonly link: NatsLink;
  /** Ends in `.*`. The last token is the verb. */
  readonly subject: string;
  readonly maxInProgress: number;
  /** Resolves to the JSON text of the answer. A rejection becomes an error answer. */
  answer(verb: string, message: Msg): Promise<string>;
}

/**
 * Answers requests until the returned function is called. Requests above `maxInProgress` are refused at once and not
 * queued.
 */
export function serve(options: ReplyOptions): () => void {
  const { link } = options;
  let inProgress = 0;
  let stopped = false;
  const respond = (message: Msg, body: string): void => {
    if (message.reply !== undefined && message.reply !== '') link.trySend(message.reply, body);
  };
  const handle = async (message: Msg): Promise<void> => {
    inProgress += 1;
    try {
      const verb = message.subject.slice(message.subject.lastIndexOf('.') + 1);
      respond(message, await options.answer(verb, message));
    } catch (error) {
      respond(message, errorAnswer(TroupeError.from(error)));
    } finally {
      inProgress -= 1;
    }
  };
  const subscription: Subscription = link.connection.subscribe(options.subject, {
    callback: (error, message) => {
      if (error !== null) return;
      if (stopped) respond(message, errorAnswer(new TroupeError('SHARD_UNAVAILABLE', { retryAfterMs: 250 })));
      else if (inProgress < options.maxInProgress) void handle(message);
      else respond(message, errorAnswer(new TroupeError('OVERLOADED', { retryAfterMs: 100 })));
    },
  });
  return () => {
    stopped = true;
    // Requests already on their way are still answered, with a refusal, until the server has processed the unsubscribe.
    subscription.drain().catch(() => undefined);
  };
}

function errorAnswer(error: TroupeError): string {
  return JSON.stringify({ error: error.toWire() });
}
