/**
 * Limits the unfinished requests that are too small to be counted in bytes, in number and in time. A client that ends its
 * requests has them here for milliseconds, so the oldest is one that its client does not end.
 */

/** One that has not ended is closed at the second look. */
const lookEveryMs = 30_000;

export interface Refusable {
  /** Ends the request, unless it has ended: its client learns that there was no room, and nothing of the call was done. */
  refuse(): void;
}

export class SmallRequests {
  readonly #max: number;
  /** Those that began since the last look, and those from before it. Oldest first. */
  #begun = new Set<Refusable>();
  #waiting = new Set<Refusable>();
  #timer: NodeJS.Timeout | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  begin(request: Refusable): void {
    this.#begun.add(request);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    if (this.#begun.size + this.#waiting.size <= this.#max) return;
    const [oldest] = this.#waiting.size > 0 ? this.#waiting : this.#begun;
    if (oldest !== undefined) this.#close(oldest);
  }

  /** It is complete, or is counted in bytes from now on. */
  end(request: Refusable): void {
    if (!this.#begun.delete(request)) this.#waiting.delete(request);
  }

  #close(request: Refusable): void {
    this.end(request);
    request.refuse();
  }

  #look(): void {
    for (const request of this.#waiting) this.#close(request);
    this.#waiting = this.#begun;
    this.#begun = new Set();
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
