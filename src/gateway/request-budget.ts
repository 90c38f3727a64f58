/**
 * Limits the bytes of unfinished requests. grpc-js keeps the received part of a request for as long as its client
 * likes, and nothing else counts it before it is complete.
 *
 * - Above the limit, the connection that holds most loses its oldest large request, so that a small client is not kept
 *   out by another one. A request that has received nothing for a while is closed in any case.
 * - A single request always fits.
 * - For an upload in chunks, only the unfinished chunk counts here. Admission counts the complete ones.
 * - Requests too small to be counted are limited in number and time (`small-requests.ts`), unless they come in pieces:
 *   whoever reads these limits the wait for each of them.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Telemetry } from '../application/ports/runtime.ts';
import { gauges } from '../domain/measures.ts';
import { type Refusable, SmallRequests } from './small-requests.ts';
import { unfinishedMessage } from './unfinished-message.ts';

/** A request that receives nothing for this long is closed. */
const silenceMaxMs = 30_000;
const lookEveryMs = 5_000;
/** A call that holds at most this is not counted. A thousand of them on one connection hold 16 MB. */
const defaultSmallBytes = 16 * 1_024;
const defaultSmallMax = 4_096;
/** One deflated byte inflates to at most this many. */
const inflatedMax = 1_032;

export interface RequestBudgetOptions {
  readonly maxBytes: number;
  /** Limit of one inflated message. grpc-js refuses larger ones. */
  readonly messageMaxBytes: number;
  /** A request is not counted up to this size, because most requests are complete at once. Default: 16 KiB. */
  readonly smallBytes?: number;
  /** Unfinished requests up to that size. Default: 4,096. */
  readonly smallMax?: number;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
}

/** What a stream holds: the whole request so far, or only the unfinished chunk. */
export type RequestForm = 'whole' | 'pieces';

/** A request that somebody receives, and counts here. */
export interface CountedRequest {
  /** It holds so many bytes now. */
  holds(bytes: number): void;
  /** It is complete, or its client has gone. */
  over(): void;
}

interface Arriving extends Refusable {
  readonly connection: object;
  /** 0 if it is not counted now. */
  bytes: number;
  newsAtMs: number;
  isOver: boolean;
}

/** Unfinished requests of one connection, oldest first. */
interface Holder {
  bytes: number;
  readonly requests: Set<Arriving>;
}

export class RequestBudget {
  readonly #options: RequestBudgetOptions;
  readonly #small: SmallRequests;
  readonly #holders = new Map<object, Holder>();
  readonly #gauge: { set(value: number): void };
  #bytes = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestBudgetOptions) {
    this.#options = options;
    this.#small = new SmallRequests(options.smallMax ?? defaultSmallMax);
    const help = 'Bytes of requests that have not come to their end.';
    this.#gauge = options.telemetry.gauge({ ...gauges.gatewayRequestBytes, help });
    this.#gauge.set(0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Watches a stream until its request or the stream ends. */
  watch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, form: RequestForm): void {
    const { messageMaxBytes, smallBytes = defaultSmallBytes, nowMs } = this.#options;
    const heldAfter = form === 'pieces' ? unfinishedMessage(messageMaxBytes) : allOf(headers, messageMaxBytes);
    const request = newRequest(stream.session ?? stream, () => {
      // One that consists of its headers has ended before it is seen here.
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    if (form === 'whole') this.#small.begin(request);
    let isCounted = false;
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      // After its answer, grpc-js drops what still arrives, but keeps what it has.
      if (chunk instanceof Uint8Array && !stream.writableEnded) {
        const bytes = heldAfter(chunk);
        if (bytes > smallBytes) {
          if (!isCounted) this.#begin(stream, request);
          isCounted = true;
          this.#hold(request, bytes, nowMs());
        } else if (isCounted) this.#release(request);
      } else if (chunk === null) this.#small.end(request);
      return push(chunk, encoding);
    };
  }

  /** Counts a request of a connection, which `refuse` ends if there is no room for it. */
  receive(connection: object, refuse: () => void): CountedRequest {
    const { smallBytes = defaultSmallBytes, nowMs } = this.#options;
    const request = newRequest(connection, refuse);
    this.#small.begin(request);
    return {
      holds: (bytes) => {
        if (bytes <= smallBytes) return;
        this.#small.end(request);
        this.#hold(request, bytes, nowMs());
      },
      over: () => {
        this.#small.end(request);
        this.#forget(request);
      },
    };
  }

  /** From here on its bytes count, and it no longer counts as a small one. */
  #begin(stream: ServerHttp2Stream, request: Arriving): void {
    this.#small.end(request);
    const over = (): void => this.#forget(request);
    stream.once('end', over);
    stream.once('close', over);
  }

  #hold(request: Arriving, bytes: number, nowMs: number): void {
    if (request.isOver) return;
    const from = this.#holders.get(request.connection) ?? { bytes: 0, requests: new Set() };
    if (request.bytes === 0) {
      this.#holders.set(request.connection, from);
      from.requests.add(request);
      this.#count += 1;
      this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    }
    const more = bytes - request.bytes;
    request.bytes = bytes;
    request.newsAtMs = nowMs;
    from.bytes += more;
    this.#bytes += more;
    this.#gauge.set(this.#bytes);
    while (this.#bytes > this.#options.maxBytes && this.#count > 1) this.#refuse(this.#oldestOfLargest());
  }

  #release(request: Arriving): void {
    const { connection, bytes } = request;
    const from = this.#holders.get(connection);
    if (bytes === 0 || from === undefined) return;
    request.bytes = 0;
    from.requests.delete(request);
    if (from.requests.size === 0) this.#holders.delete(connection);
    from.bytes -= bytes;
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#gauge.set(this.#bytes);
  }

  #forget(request: Arriving): void {
    request.isOver = true;
    this.#release(request);
  }

  /**
   * The request to refuse, taken from the connection that holds most: the oldest of its requests that holds at least
   * the average of that connection. So a small request is kept while there is a large one.
   */
  #oldestOfLargest(): Arriving | undefined {
    let largest: Holder | undefined;
    for (const holder of this.#holders.values()) if (holder.bytes > (largest?.bytes ?? 0)) largest = holder;
    if (largest === undefined) return undefined;
    const { bytes, requests } = largest;
    return [...requests].find((request) => request.bytes * requests.size >= bytes);
  }

  #refuse(request: Arriving | undefined): void {
    if (request === undefined) throw new Error('invariant broken: what is held is held by somebody');
    this.#forget(request);
    request.refuse();
  }

  #look(): void {
    if (this.#count === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    const sinceMs = this.#options.nowMs() - silenceMaxMs;
    for (const { requests } of this.#holders.values()) {
      for (const request of requests) if (request.newsAtMs <= sinceMs) this.#refuse(request);
    }
  }
}

function newRequest(connection: object, refuse: () => void): Arriving {
  return { connection, refuse, bytes: 0, newsAtMs: 0, isOver: false };
}

/** Counts all bytes so far. A deflated byte counts as the most that it may inflate to. */
function allOf(headers: IncomingHttpHeaders, messageMaxBytes: number): (chunk: Uint8Array) => number {
  const encoding = headers['grpc-encoding'];
  let bytes = 0;
  if (encoding === undefined || encoding === 'identity') return (chunk) => (bytes += chunk.byteLength);
  return (chunk) => {
    bytes += chunk.byteLength * inflatedMax;
    return Math.min(bytes, messageMaxBytes);
  };
}
