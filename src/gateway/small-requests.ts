/**
 * Limits the unfinished requests that are too small to be counted in bytes, in number and in time. A client that ends its
 * requests has them here for milliseconds, so the oldest is one that its client does not end.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';

/** One that has not ended is closed at the second look. */
const lookEveryMs = 30_000;

type Stream = Pick<ServerHttp2Stream, 'close' | 'closed' | 'readableEnded'>;

export class SmallRequests {
  readonly #max: number;
  /** Those that began since the last look, and those from before it. Oldest first. */
  #begun = new Set<Stream>();
  #waiting = new Set<Stream>();
  #timer: NodeJS.Timeout | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  begin(stream: Stream): void {
    this.#begun.add(stream);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    if (this.#begun.size + this.#waiting.size <= this.#max) return;
    const [oldest] = this.#waiting.size > 0 ? this.#waiting : this.#begun;
    if (oldest !== undefined) this.#close(oldest);
  }

  /** It is complete, or is counted in bytes from now on. */
  end(stream: Stream): void {
    if (!this.#begun.delete(stream)) this.#waiting.delete(stream);
  }

  /** The client gets RESOURCE_EXHAUSTED, and nothing of the call was done. */
  #close(stream: Stream): void {
    this.end(stream);
    // One that consists of its headers has ended before it is seen here.
    if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #look(): void {
    for (const stream of this.#waiting) this.#close(stream);
    this.#waiting = this.#begun;
    this.#begun = new Set();
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
