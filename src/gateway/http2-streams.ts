/**
 * Adds to grpc-js what it has no options for, at the points where its server accepts connections and streams.
 */
import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { credentialsIn } from './call-credentials.ts';
import type { Connections } from './connections.ts';
import { FrameFloods } from './frame-floods.ts';
import { insidesOf } from './grpc-insides.ts';
import type { RequestBudget } from './request-budget.ts';
import type { SendBudget } from './send-budget.ts';
import type { StreamOwners } from './stream-owners.ts';
import { UnreadAnswers } from './unread-answers.ts';

/**
 * Cancelled calls are limited by draining the connection (`frame-floods.ts`). nghttp2's own limit would break the
 * connection off with an error for every call on it, so it is far higher, for clients that do not drain.
 */
const hardResetLimit = { streamResetBurst: 20_000, streamResetRate: 1_000 };
/**
 * A client counts a cancelled call as ended before this process has released it, so it may exceed the announced number
 * of streams. Each such stream is refused (RESOURCE_EXHAUSTED). Node's default would end the connection at the 101st,
 * and fail all its calls.
 */
const rejectedMax = 1_000_000;
/** A token takes at most 8 KiB. */
const headersMaxBytes = 16_384;
const headerLimits = { maxHeaderListPairs: 128 };
/** Entries of one SETTINGS frame, and frames against the protocol, or empty, of one connection. */
const frameLimits = { maxSettings: 32, maxSessionInvalidFrames: 1_000, maxSessionRejectedStreams: rejectedMax };
/** What Node and nghttp2 hold for one connection besides its answers: headers of its calls, and frames of control. */
const ownMemoryMaxBytes = 64 * 1_048_576;

/** What each stream is counted against. */
export interface StreamGuards {
  readonly connections: Connections;
  readonly send: SendBudget;
  readonly owners: StreamOwners;
  readonly requests: RequestBudget;
  /** Told of each server before it listens. */
  readonly also?: (http2Server: Http2Server | Http2SecureServer) => void;
  /** Paths of methods whose requests consist of several messages, which are taken one at a time. */
  readonly inPieces: ReadonlySet<string>;
  /** Limit of `send`. One connection may hold it all. */
  readonly sendMaxBytes: number;
}

/** Installs the guards. Call it before the server is bound. */
export function guardStreams(server: Server, guards: StreamGuards): void {
  const { send, owners, requests, inPieces, connections } = guards;
  const insides = insidesOf(server);
  const { settings } = insides.commonServerOptions;
  const memory = { maxSessionMemory: Math.ceil((guards.sendMaxBytes + ownMemoryMaxBytes) / 1_000_000) };
  Object.assign(insides.commonServerOptions, hardResetLimit, headerLimits, frameLimits, memory);
  Object.assign(insides.commonServerOptions, { settings: { ...settings, maxHeaderListSize: headersMaxBytes } });
  const floods = new FrameFloods(() => connections.countFlood());
  const unread = new UnreadAnswers(() => performance.now());
  const take = insides._streamHandler;
  const setUp = insides._setupHandlers;
  insides._setupHandlers = (http2Server, interceptors) => {
    connections.follow(http2Server);
    floods.follow(http2Server);
    guards.also?.(http2Server);
    setUp.call(server, http2Server, interceptors);
  };
  insides._streamHandler = (interceptors, stream, headers, ...more) => {
    const { session } = stream;
    if (session === undefined || !connections.opened(session)) {
      refuse(stream);
      return;
    }
    shortenTimeout(headers);
    keepCredentials(headers, more[1]);
    const tenantOf = owners.begin(stream, headers);
    const hold = (bytes: number): (() => void) => send.hold(tenantOf(), bytes);
    countBytes(stream, hold, unread, () => floods.sent(session));
    requests.watch(stream, headers, inPieces.has(String(headers[':path'])) ? 'pieces' : 'whole');
    endAnswered(stream);
    stream.once('close', () => {
      connections.closed(session);
      if (stream.aborted || stream.rstCode === constants.NGHTTP2_CANCEL) floods.reset(session);
    });
    take.call(server, interceptors, stream, headers, ...more);
  };
}

/** The client gets RESOURCE_EXHAUSTED, and nothing of the call was done. */
function refuse(stream: ServerHttp2Stream): void {
  stream.on('error', () => undefined);
  stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** So that a call with two credentials, or one that cannot be read, is refused and not taken for one without. */
function keepCredentials(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
  const credentials = credentialsIn(rawHeaders);
  if (credentials !== undefined) headers.authorization = credentials;
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
function countBytes(
  stream: ServerHttp2Stream,
  hold: (bytes: number) => () => void,
  unread: UnreadAnswers,
  sent: () => void,
): void {
  const write = stream.write.bind(stream) as (bytes: Uint8Array, left: (error?: Error | null) => void) => boolean;
  const held = new Set<() => void>();
  stream.write = (bytes: Uint8Array, left: unknown): boolean => {
    const freeBytes = hold(bytes.byteLength);
    const hasLeft = unread.wait(stream, bytes.byteLength);
    const release = (): void => {
      freeBytes();
      hasLeft();
    };
    held.add(release);
    sent();
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
