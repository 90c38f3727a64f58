/**
 * Calls in Connect's unary JSON form: `POST /troupe.v1.Jobs/GetJob` with the request as proto3 JSON. They run the functions that
 * gRPC runs, with the same scope: callers, audit, limits and errors are those of every call.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { MethodCodec } from '../../contract/codec.ts';
import { type JsonContract, type JsonMethod, UnreadableJson } from '../../contract/json-methods.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { RequestBudget } from '../request-budget.ts';
import type { SendBudget } from '../send-budget.ts';
import type { StreamOwners } from '../stream-owners.ts';
import { type ReceivedRequest, receiveBody } from './request-body.ts';
import { refusal, type WebAnswer, type WebAnswers } from './web-answer.ts';
import { createWebCall, timeoutOf, type WebCall } from './web-call.ts';
import type { WebWriter } from './web-writer.ts';

/** The codec of a method and what the server of gRPC calls for it, by the path. */
export type ServedMethods = ReadonlyMap<
  string,
  { readonly codec: MethodCodec<unknown, unknown>; readonly handle: unknown }
>;

export interface JsonCallsParts {
  readonly methods: ServedMethods;
  readonly json: JsonContract;
  readonly answers: WebAnswers;
  readonly writer: WebWriter;
  readonly requests: Pick<RequestBudget, 'receive'>;
  readonly budget: SendBudget;
  readonly owners: StreamOwners;
  readonly messageMaxBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface JsonCalls {
  has(path: string): boolean;
  /** Answers a POST. */
  serve(exchange: ReceivedRequest, path: string): Promise<void>;
}

type Handle = handleUnaryCall<unknown, unknown>;

interface UnaryMethod {
  readonly codec: MethodCodec<unknown, unknown>;
  readonly json: JsonMethod;
  readonly handle: Handle;
}

/** A use case that keeps to the deadline knows better whether the call had an effect, so it goes first. */
const deadlineGraceMs = 100;

export function createJsonCalls(parts: JsonCallsParts): JsonCalls {
  const { methods, json, answers, writer, clock } = parts;

  function unaryAt(path: string): UnaryMethod | WebAnswer {
    const method = methods.get(path);
    const inJson = json.methods.get(path);
    if (method === undefined || inJson === undefined)
      return refusal(404, 'unimplemented', `there is no method ${path}`);
    const { codec, handle } = method;
    if (codec.requestStream || codec.responseStream)
      return refusal(501, 'unimplemented', 'this method is a stream, which only gRPC has here');
    return { codec, json: inJson, handle: handle as Handle };
  }

  async function serve(exchange: ReceivedRequest, path: string): Promise<void> {
    const { request, response } = exchange;
    const found = unaryAt(path);
    const method = 'status' in found ? found : (unreadable(request.headers) ?? found);
    if ('status' in method) {
      writer.writeEarly(request, response, method);
      return;
    }
    const timeoutMs = timeoutOf(request.headers);
    const call = createWebCall(request, timeoutMs ?? Infinity, clock);
    if (timeoutMs === undefined) {
      writer.writeEarly(request, response, answers.error(badTimeout(), call.requestId));
      return;
    }
    const body = await receiveBody(exchange, { requests: parts.requests, maxBytes: parts.messageMaxBytes });
    // What begins for a connection that is over is never freed.
    if (response.destroyed) return;
    if (Buffer.isBuffer(body)) run(exchange, method, readLater(call, method, body), parts);
    else if (body !== 'gone') writer.writeEarly(request, response, unfit(body, parts, call.requestId));
  }

  return { has: (path) => methods.has(path), serve };
}

/** Runs a method, and writes what it answers, or what is answered at its deadline. */
function run({ response }: ReceivedRequest, method: UnaryMethod, call: WebCall, parts: JsonCallsParts): void {
  const { answers, writer, owners, budget, clock, log } = parts;
  const { requestId, timeoutMs } = call;
  const numbered: IncomingHttpHeaders = {};
  const tenantOf = owners.begin(response, numbered);
  for (const [name, value] of Object.entries(numbered)) call.metadata.set(name, String(value));
  let isAnswered = false;
  let stopTimer = (): void => undefined;
  const answer = (make: () => WebAnswer): void => {
    if (isAnswered) return;
    isAnswered = true;
    stopTimer();
    writer.write(response, made(make), (bytes) => budget.hold(tenantOf(), bytes));
  };
  const made = (make: () => WebAnswer): WebAnswer => {
    try {
      return make();
    } catch (error) {
      log.error({ event: 'web.answer', requestId, err: error }, 'an answer cannot be said in JSON');
      return answers.error(new TroupeError('INTERNAL_ERROR', { cause: error }), requestId);
    }
  };
  if (Number.isFinite(timeoutMs)) {
    stopTimer = clock.setTimer(timeoutMs + deadlineGraceMs, () => {
      const error = new TroupeError('CALL_DEADLINE_EXCEEDED', { metadata: { outcome: 'unknown' } });
      answer(() => answers.error(error, requestId));
    });
  }
  // What else grpc-js gives to a call is not read of one that has one request and one answer.
  method.handle(call as unknown as ServerUnaryCall<unknown, unknown>, (error, message) => {
    if (error) answer(() => answers.failure(error as Parameters<WebAnswers['failure']>[0], requestId));
    else
      answer(() => answers.message(method.json.answerText(method.codec.responseSerialize(message ?? {})), requestId));
  });
}

/**
 * The call, whose request is read when somebody asks for it: after its caller is known. What nobody may ask for costs no time
 * to read, however long it is.
 */
function readLater(call: WebCall, method: UnaryMethod, body: Buffer): WebCall {
  let unread: Buffer | undefined = body;
  let request: unknown;
  return {
    ...call,
    get unread() {
      return unread;
    },
    get request() {
      if (unread !== undefined) request = requestOf(method, unread);
      unread = undefined;
      return request;
    },
  };
}

/** The request, or the error with which its call is refused, as in `readable-requests.ts`. */
function requestOf({ json, codec }: UnaryMethod, body: Buffer): unknown {
  try {
    return codec.requestDeserialize(json.requestBytes(textOf(body)));
  } catch (error) {
    if (error instanceof UnreadableJson) return error;
    throw error;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function textOf(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new UnreadableJson(() => [{ field: '', description: 'is not UTF-8' }]);
  }
}

/** Why a request cannot be read, from its headers. */
function unreadable(headers: IncomingHttpHeaders): WebAnswer | undefined {
  const {
    'content-type': type = '',
    'content-encoding': encoding = 'identity',
    'connect-protocol-version': version = '1',
  } = headers;
  if (!/^application\/json *(; *charset="?utf-8"? *)?$/i.test(type))
    return refusal(415, 'unknown', 'the content type must be application/json', { 'accept-post': 'application/json' });
  if (version !== '1') return refusal(400, 'invalid_argument', 'the header connect-protocol-version must be 1');
  if (encoding.toLowerCase() !== 'identity')
    return refusal(501, 'unimplemented', 'requests must not be compressed: the content encoding must be identity', {
      'accept-encoding': 'identity',
    });
  return undefined;
}

function badTimeout(): TroupeError {
  const description = 'must be a whole number of milliseconds, of at most ten digits';
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'connect-timeout-ms', description }] });
}

function unfit(
  why: 'too_large' | 'no_room',
  { answers, messageMaxBytes }: JsonCallsParts,
  requestId: string,
): WebAnswer {
  if (why === 'no_room') {
    const error = new TroupeError('OVERLOADED', {
      message: 'too many bytes of requests that have not come to their end',
    });
    return answers.error(error, requestId);
  }
  const message = `the request is larger than ${messageMaxBytes} bytes`;
  const error = new TroupeError('PAYLOAD_TOO_LARGE', { message, violations: [{ field: '', description: message }] });
  return { ...answers.error(error, requestId), status: 413 };
}
