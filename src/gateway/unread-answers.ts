/**
 * Closes streams whose clients do not read their answers, because each unread answer occupies a part of the shared
 * budget. An answer may stay unread for half a minute, plus the time that its size needs on a slow line. Stream chunks
 * have the same limit in the pump, which also sends an error text.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';

const leaveMaxMs = 30_000;
const slowestBytesPerMs = 64;
const lookEveryMs = 5_000;

interface Unread {
  readonly stream: Pick<ServerHttp2Stream, 'close'>;
  readonly untilMs: number;
}

export class UnreadAnswers {
  readonly #nowMs: () => number;
  readonly #unread = new Set<Unread>();
  #timer: NodeJS.Timeout | undefined;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Watches an answer until the returned function is called: it has left, or its stream has ended. */
  wait(stream: Unread['stream'], bytes: number): () => void {
    const unread = { stream, untilMs: this.#nowMs() + leaveMaxMs + bytes / slowestBytesPerMs };
    this.#unread.add(unread);
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    return () => void this.#unread.delete(unread);
  }

  #look(): void {
    if (this.#unread.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    const nowMs = this.#nowMs();
    for (const unread of this.#unread) {
      if (unread.untilMs > nowMs) continue;
      this.#unread.delete(unread);
      unread.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    }
  }
}
