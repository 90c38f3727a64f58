/**
 * Answers that their clients do not read. Each holds a part of the budget for all others, so it has its time: half a minute,
 * and what its size takes over a slow line. Pieces of streams have the same from the pump, which says so in words.
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

  /** Until the answer is called: it has left, or its stream is over. */
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
