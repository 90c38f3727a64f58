/**
 * Adds to grpc-js what it has no options for, at the point where its server accepts a stream. This is the only code
 * that uses internals of grpc-js, and of this server object only. It fails at the start if the internals have changed.
 */
import {
  constants,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import type { RequestBudget } from './request-budget.ts';
import type { SendBudget } from './send-budget.ts';
import { UnreadAnswers } from './unread-answers.ts';

type TakeStream = (
  interceptors: readonly unknown[],
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  /** The flags, and the headers as names and values in turn. */
  ...more: readonly [flags: number, rawHeaders: readonly string[]]
) => void;

interface Insides {
  _streamHandler: TakeStream;
  /** Options of node:http2. */
  readonly commonServerOptions: ServerOptions;
}

/** What each stream is counted against. */
export interface StreamBudgets {
  readonly send: SendBudget;
  readonly requests: RequestBudget;
  /** Paths of methods whose requests consist of several messages, which are taken one at a time. */
  readonly inPieces: ReadonlySet<string>;
}

/** Installs the guards. Call it before the server is bound. */
export function guardStreams(server: Server, { send, requests, inPieces }: StreamBudgets): void {
  const insides = insidesOf(server);
  Object.assign(insides.commonServerOptions, hardResetLimit, { maxSessionRejectedStreams: rejectedMax });
  const resets = new ResetWatch();
  const unread = new UnreadAnswers(() => performance.now());
  const take = insides._streamHandler;
  insides._streamHandler = (interceptors, stream, headers, ...more) => {
    shortenTimeout(headers);
    keepCredentials(headers, more[1]);
    countBytes(stream, send, unread);
    requests.watch(stream, headers, inPieces.has(String(headers[':path'])) ? 'pieces' : 'whole');
    endAnswered(stream);
    resets.watch(stream);
    take.call(server, interceptors, stream, headers, ...more);
  };
}

function insidesOf(server: Server): Insides {
  const insides = server as unknown as Partial<Insides>;
  if (typeof insides._streamHandler !== 'function' || typeof insides.commonServerOptions !== 'object')
    throw new Error('this version of grpc-js accepts streams differently: adapt http2-streams.ts to it');
  return insides as Insides;
}

/** What grpc-js takes as the value of a header. It would drop another one and print it, with the credential. */
const takenPattern = /^[\x20-\x7e]*$/;
/** No credential, so that the call is refused. */
const notTaken = 'unreadable';

/**
 * Node drops all values but the first, and grpc-js one with a tab or a byte above 0x7e, which would make a caller with a
 * credential one without. A proxy before the gateway may have looked at another one, so the call must be
 * refused as ambiguous, and for that the values must be seen.
 */
function keepCredentials(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
  let all: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index] !== 'authorization') continue;
    const value = rawHeaders[index + 1] ?? '';
    all = all === undefined ? value : `${all}, ${value}`;
  }
  if (all !== undefined) headers.authorization = takenPattern.test(all) ? all : notTaken;
}

/**
 * grpc-js holds milliseconds in 32 bits, so a deadline above 24.8 days would expire at once. No call of ours takes a
 * day.
 */
const timeoutMaxHours = 24 * 24;
const timeoutHeader = 'grpc-timeout';
const unitsPerHour: ReadonlyMap<string, number> = new Map([
  ['H', 1],
  ['M', 60],
  ['S', 3_600],
  ['m', 3_600_000],
  ['u', 3.6e9],
  ['n', 3.6e12],
]);

/** Shortens a timeout that is too long. The server itself refuses an invalid one. */
export function shortenTimeout(headers: IncomingHttpHeaders): void {
  const [, amount, unit = ''] = /^(\d{1,8})\s*([HMSmun])$/.exec(String(headers[timeoutHeader])) ?? [];
  const perHour = unitsPerHour.get(unit);
  if (amount === undefined || perHour === undefined) return;
  if (Number(amount) / perHour > timeoutMaxHours) headers[timeoutHeader] = `${timeoutMaxHours}H`;
}

/** Counts each message from its write until it has left for the network or the stream has ended. */
function countBytes(stream: ServerHttp2Stream, budget: SendBudget, unread: UnreadAnswers): void {
  const write = stream.write.bind(stream) as (bytes: Uint8Array, left: (error?: Error | null) => void) => boolean;
  const held = new Set<() => void>();
  stream.write = (bytes: Uint8Array, left: unknown): boolean => {
    const freeBytes = budget.hold(bytes.byteLength);
    const hasLeft = unread.wait(stream, bytes.byteLength);
    const release = (): void => {
      freeBytes();
      hasLeft();
    };
    held.add(release);
    return write(bytes, (error) => {
      held.delete(release);
      release();
      if (typeof left === 'function') (left as (error?: Error | null) => void)(error);
    });
  };
  stream.once('close', () => {
    for (const release of held) release();
  });
}

/** Time for the client to end the call, and for the answer to leave. */
const answeredMaxMs = 5_000;

/**
 * Closes a stream a while after its answer. grpc-js keeps what it has read of a call until the stream ends, and a
 * client could continue its request forever.
 */
function endAnswered(stream: ServerHttp2Stream): void {
  stream.once('finish', () => {
    if (stream.readableEnded || stream.closed) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), answeredMaxMs).unref();
    stream.once('close', () => clearTimeout(timer));
  });
}

/**
 * Limit of cancelled calls per connection: a burst, then a rate per second. Above it the connection is drained: its
 * calls are answered, and the next ones use a new connection. nghttp2's own limit would break the connection off with
 * an error for every call on it, so it is far higher, for clients that do not drain.
 */
const resetBurst = 1_000;
const resetsPerSecond = 33;
const hardResetLimit = { streamResetBurst: 20_000, streamResetRate: 1_000 };

/**
 * A client counts a cancelled call as ended before this process has released it, so it may exceed the announced number
 * of streams. Each such stream is refused (RESOURCE_EXHAUSTED). Node's default would end the connection at the 101st,
 * and fail all its calls.
 */
const rejectedMax = 1_000_000;

class ResetWatch {
  readonly #budgets = new WeakMap<Http2Session, { left: number; atMs: number }>();

  watch(stream: ServerHttp2Stream): void {
    const { session } = stream;
    stream.once('close', () => {
      if (stream.rstCode === constants.NGHTTP2_CANCEL && session !== undefined && !session.closed) this.#count(session);
    });
  }

  #count(session: Http2Session): void {
    const nowMs = performance.now();
    const { left, atMs } = this.#budgets.get(session) ?? { left: resetBurst, atMs: nowMs };
    const refilled = Math.min(resetBurst, left + ((nowMs - atMs) / 1_000) * resetsPerSecond);
    this.#budgets.set(session, { left: refilled - 1, atMs: nowMs });
    if (refilled < 1) session.close();
  }
}
