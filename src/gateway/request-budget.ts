/**
 * Bytes of requests that have not come to their end: grpc-js keeps what it has of each for as long as its client likes, and
 * nobody else counts them before they are whole. Past the limit the connection that holds most loses its oldest one, so that
 * one which sends little is not kept out by another; one of which nothing has come for a while goes in any case.
 * A request alone always fits. Uploads in pieces are not in here: they are taken piece by piece.
 */
import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Telemetry } from '../application/ports/runtime.ts';
import { gauges } from '../domain/measures.ts';

/** Of a request that is under way; more is a client that waits for something, or for nothing. */
const silenceMaxMs = 30_000;
const lookEveryMs = 5_000;
/** Of a call that is as good as one that only waits: a thousand of a connection hold 16 MB. */
const defaultSmallBytes = 16 * 1_024;
/** A byte in deflate's form stands for so many at most. */
const inflatedMax = 1_032;

export interface RequestBudgetOptions {
  readonly maxBytes: number;
  /** Of one message, inflated: what is larger is refused by grpc-js. */
  readonly messageMaxBytes: number;
  /** Of a request: not counted up to here, since most are whole at once; default 16 KiB. */
  readonly smallBytes?: number;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
}

interface Arriving {
  readonly stream: Pick<ServerHttp2Stream, 'close'>;
  readonly from: Holder;
  bytes: number;
  newsAtMs: number;
  isOver: boolean;
}

/** A connection, with what has begun to come over it, the oldest first. */
interface Holder {
  readonly connection: object;
  bytes: number;
  readonly requests: Set<Arriving>;
}

export class RequestBudget {
  readonly #options: RequestBudgetOptions;
  readonly #holders = new Map<object, Holder>();
  readonly #gauge: { set(value: number): void };
  #bytes = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RequestBudgetOptions) {
    this.#options = options;
    const help = 'Bytes of requests that have not come to their end.';
    this.#gauge = options.telemetry.gauge({ ...gauges.gatewayRequestBytes, help });
    this.#gauge.set(0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** To the end of the request, or that of its stream. */
  watch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const encoding = headers['grpc-encoding'];
    const factor = encoding === undefined || encoding === 'identity' ? 1 : inflatedMax;
    const { messageMaxBytes, smallBytes = defaultSmallBytes, nowMs } = this.#options;
    let request: Arriving | undefined;
    let bytes = 0;
    const push = stream.push.bind(stream);
    stream.push = (chunk: unknown, form?: BufferEncoding): boolean => {
      if (chunk instanceof Uint8Array) {
        bytes += chunk.byteLength * factor;
        if (bytes > smallBytes) {
          request ??= this.#begin(stream);
          const held = factor === 1 ? bytes : Math.min(bytes, messageMaxBytes);
          if (!request.isOver) this.#grow(request, held, nowMs());
        }
      }
      return push(chunk, form);
    };
  }

  #begin(stream: ServerHttp2Stream): Arriving {
    const connection = stream.session ?? stream;
    const from = this.#holders.get(connection) ?? { connection, bytes: 0, requests: new Set() };
    this.#holders.set(connection, from);
    const request = { stream, from, bytes: 0, newsAtMs: 0, isOver: false };
    from.requests.add(request);
    this.#count += 1;
    const over = (): void => this.#forget(request);
    stream.once('end', over);
    stream.once('close', over);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    return request;
  }

  #grow(request: Arriving, bytes: number, nowMs: number): void {
    const more = bytes - request.bytes;
    request.bytes = bytes;
    request.newsAtMs = nowMs;
    request.from.bytes += more;
    this.#bytes += more;
    this.#gauge.set(this.#bytes);
    while (this.#bytes > this.#options.maxBytes && this.#count > 1) this.#refuse(this.#oldestOfLargest());
  }

  #forget(request: Arriving): void {
    if (request.isOver) return;
    request.isOver = true;
    const { from, bytes } = request;
    from.requests.delete(request);
    if (from.requests.size === 0) this.#holders.delete(from.connection);
    from.bytes -= bytes;
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#gauge.set(this.#bytes);
  }

  #oldestOfLargest(): Arriving | undefined {
    let largest: Holder | undefined;
    for (const holder of this.#holders.values()) if (holder.bytes > (largest?.bytes ?? 0)) largest = holder;
    const [oldest] = largest?.requests ?? [];
    return oldest;
  }

  /** To its client that is RESOURCE_EXHAUSTED, and nothing of the call was done. */
  #refuse(request: Arriving | undefined): void {
    if (request === undefined) throw new Error('invariant broken: what is held is held by somebody');
    this.#forget(request);
    request.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
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
