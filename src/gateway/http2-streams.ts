/**
 * What grpc-js offers no option for, done where its server takes a stream. The one place that knows its insides, of this
 * server object alone; it says at the start when they are no longer what they were.
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

type TakeStream = (interceptors: readonly unknown[], stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

interface Insides {
  _streamHandler: TakeStream;
  /** Of node:http2. */
  readonly commonServerOptions: ServerOptions;
}

export interface StreamBudgets {
  readonly send: SendBudget;
  readonly requests: RequestBudget;
  /** Paths of methods whose requests come in pieces that are taken one by one. */
  readonly inPieces: ReadonlySet<string>;
}

/** To be called before the server is bound. */
export function guardStreams(server: Server, { send, requests, inPieces }: StreamBudgets): void {
  const insides = insidesOf(server);
  Object.assign(insides.commonServerOptions, hardResetLimit, { maxSessionRejectedStreams: rejectedMax });
  const resets = new ResetWatch();
  const unread = new UnreadAnswers(() => performance.now());
  const take = insides._streamHandler;
  insides._streamHandler = (interceptors, stream, headers) => {
    shortenTimeout(headers);
    countBytes(stream, send, unread);
    requests.watch(stream, headers, inPieces.has(String(headers[':path'])) ? 'pieces' : 'whole');
    endAnswered(stream);
    resets.watch(stream);
    take.call(server, interceptors, stream, headers);
  };
}

function insidesOf(server: Server): Insides {
  const insides = server as unknown as Partial<Insides>;
  if (typeof insides._streamHandler !== 'function' || typeof insides.commonServerOptions !== 'object')
    throw new Error('grpc-js takes streams in another way now');
  return insides as Insides;
}

/** grpc-js counts milliseconds in 32 bits: past 24.8 days a deadline would be over at once. No call of ours takes a day. */
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

/** A timeout that is too long becomes the longest; what is none is left to the server to refuse. */
export function shortenTimeout(headers: IncomingHttpHeaders): void {
  const [, amount, unit = ''] = /^(\d{1,8})\s*([HMSmun])$/.exec(String(headers[timeoutHeader])) ?? [];
  const perHour = unitsPerHour.get(unit);
  if (amount === undefined || perHour === undefined) return;
  if (Number(amount) / perHour > timeoutMaxHours) headers[timeoutHeader] = `${timeoutMaxHours}H`;
}

/** From when a message is written until it has left for the network, or the stream is over. */
function countBytes(stream: ServerHttp2Stream, budget: SendBudget, unread: UnreadAnswers): void {
  const write = stream.write.bind(stream) as (bytes: Uint8Array, left: (error?: Error | null) => void) => boolean;
  const held = new Set<() => void>();
  stream.write = (bytes: Uint8Array, left: unknown): boolean => {
    const giveBack = budget.hold(bytes.byteLength);
    const hasLeft = unread.wait(stream, bytes.byteLength);
    const release = (): void => {
      giveBack();
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

/** For its client to end the call by itself, and for the answer to leave. */
const answeredMaxMs = 5_000;

/** grpc-js keeps what it has read of a call until its stream is over, and its client may go on with a request for ever. */
function endAnswered(stream: ServerHttp2Stream): void {
  stream.once('finish', () => {
    if (stream.readableEnded || stream.closed) return;
    const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), answeredMaxMs).unref();
    stream.once('close', () => clearTimeout(timer));
  });
}

/**
 * Cancelled calls of one connection: a burst, then so many in a second. Past it the connection is drained: its calls get
 * their answers, and the next ones come over a new one. nghttp2 by itself breaks it off in the middle, with an error for
 * every call on it; its limit lies far above, for those who do not drain.
 */
const resetBurst = 1_000;
const resetsPerSecond = 33;
const hardResetLimit = { streamResetBurst: 20_000, streamResetRate: 1_000 };

/**
 * A client takes a cancelled call for gone before this process has let go of it, and so may have more open than it was told.
 * Each of those is refused (RESOURCE_EXHAUSTED); Node by itself ends the connection at the 101st, and fails all its calls.
 */
const rejectedMax = 1_000_000;

class ResetWatch {
  readonly #allowances = new WeakMap<Http2Session, { left: number; atMs: number }>();

  watch(stream: ServerHttp2Stream): void {
    const { session } = stream;
    stream.once('close', () => {
      if (stream.rstCode === constants.NGHTTP2_CANCEL && session !== undefined && !session.closed) this.#count(session);
    });
  }

  #count(session: Http2Session): void {
    const nowMs = performance.now();
    const { left, atMs } = this.#allowances.get(session) ?? { left: resetBurst, atMs: nowMs };
    const refilled = Math.min(resetBurst, left + ((nowMs - atMs) / 1_000) * resetsPerSecond);
    this.#allowances.set(session, { left: refilled - 1, atMs: nowMs });
    if (refilled < 1) session.close();
  }
}
