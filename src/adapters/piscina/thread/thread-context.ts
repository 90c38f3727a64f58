/**
 * `ctx` inside a thread. It reads and writes the run's slot, and sends notes, log lines and checkpoints at a bounded
 * rate.
 */
import { clipped } from '../../../domain/clipped-text.ts';
import type { LogLevel } from '../../../domain/job-log.ts';
import { decodeCheckpoint } from '../../../handlers/checkpoint.ts';
import type { HandlerContext, HandlerLog } from '../../../handlers/context.ts';
import { cancelled } from '../../../handlers/handler-error.ts';
import { isByteStream, type PayloadStreams } from '../../../handlers/payload-streams.ts';
import type { RunSlot } from '../protocol/run-slot.ts';
import { ThreadCheckpoints } from './thread-checkpoints.ts';
import {
  noteMaxChars,
  progressMaxChars,
  type CheckpointNote,
  type RunTask,
  type ThreadNote,
} from '../protocol/thread-messages.ts';

const noteEveryMs = 100;
const signalPollMs = 20;
/**
 * Log lines of one run: a burst, then a steady rate. Excess lines are dropped, and their number is logged at the end.
 */
const logBurst = 200;
const logPerSecond = 50;

type Post = (note: ThreadNote) => void;

/** What one run sends. After `close()`, calls by its left-over code have no effect. */
export class RunVoice {
  readonly #send: Post;
  readonly #now: () => number;
  #closed = false;
  #sent = 0;
  #tokens = logBurst;
  #refilledAtMs: number;
  #dropped = 0;
  #notedAtMs = Number.NEGATIVE_INFINITY;
  #pendingNote: string | undefined;

  constructor(post: Post, now: () => number) {
    this.#send = post;
    this.#now = now;
    this.#refilledAtMs = now();
  }

  get sent(): number {
    return this.#sent;
  }

  line(level: LogLevel, text: unknown): void {
    if (this.#closed) return;
    const nowMs = this.#now();
    this.#tokens = Math.min(logBurst, this.#tokens + ((nowMs - this.#refilledAtMs) / 1_000) * logPerSecond);
    this.#refilledAtMs = nowMs;
    if (this.#tokens < 1) {
      this.#dropped += 1;
      return;
    }
    this.#tokens -= 1;
    this.#post({ kind: 'log', level, text: clipped(String(text), noteMaxChars) });
  }

  checkpoint(note: CheckpointNote): void {
    if (!this.#closed) this.#post(note);
  }

  note(text: unknown): void {
    if (this.#closed) return;
    this.#pendingNote = clipped(String(text), progressMaxChars);
    const nowMs = this.#now();
    if (nowMs - this.#notedAtMs >= noteEveryMs) this.#sendNote(nowMs);
  }

  close(): void {
    if (this.#pendingNote !== undefined) this.#sendNote(this.#now());
    if (this.#dropped > 0) {
      const text = `${this.#dropped} further log lines were dropped`;
      this.#post({ kind: 'log', level: 'warn', text });
    }
    this.#closed = true;
  }

  #post(note: ThreadNote): void {
    this.#sent += 1;
    this.#send(note);
  }

  #sendNote(nowMs: number): void {
    this.#post({ kind: 'note', text: this.#pendingNote ?? '' });
    this.#pendingNote = undefined;
    this.#notedAtMs = nowMs;
  }
}

/** The abort signal costs a timer, so it exists only for handlers that ask for it. */
class LazySignal {
  readonly #slot: RunSlot;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(slot: RunSlot) {
    this.#slot = slot;
  }

  get(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#timer = setInterval(() => this.poll(), signalPollMs).unref();
    }
    this.poll();
    return this.#controller.signal;
  }

  poll(): void {
    if (this.#controller === undefined || !this.#slot.stopRequested()) return;
    clearInterval(this.#timer);
    this.#controller.abort(cancelled('the attempt was stopped'));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

interface ContextParts {
  readonly voice: RunVoice;
  readonly payloads: PayloadStreams;
  readonly secret: HandlerContext['secret'];
}

export function createThreadContext(
  { request, endsAtMs }: RunTask,
  slot: RunSlot,
  { voice, payloads, secret }: ContextParts,
): { readonly ctx: HandlerContext; readonly close: (ended: { readonly succeeded: boolean }) => void } {
  const signal = new LazySignal(slot);
  const checkpoints = new ThreadCheckpoints(slot, (note) => voice.checkpoint(note), performance.now.bind(performance));
  let last: { readonly value: unknown } | undefined;
  let open = true;
  const heartbeat = (): void => {
    if (open) slot.beat();
  };
  // Lines above the rate are not sent, but still count as signs of life.
  const line = (level: LogLevel) => (text: string) => {
    heartbeat();
    voice.line(level, text);
  };
  const log: HandlerLog = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  const ctx: HandlerContext = {
    jobId: request.jobId,
    attempt: request.attempt,
    deadline: new Date(endsAtMs),
    traceparent: request.traceparent,
    get input() {
      return payloads.input;
    },
    output: payloads.output,
    log,
    get signal() {
      return signal.get();
    },
    progress(fraction, note) {
      if (!open) return;
      // The note first: the cell sees the slot at once, and would report the fraction with the note before.
      if (note !== undefined) voice.note(note);
      slot.setProgress(fraction);
    },
    checkpoint(value) {
      heartbeat();
      return isByteStream(value) ? checkpoints.saveStream(() => payloads.save(value)) : checkpoints.save(value);
    },
    get lastCheckpointInput() {
      return payloads.checkpoint;
    },
    get lastCheckpoint() {
      last ??= { value: decodeCheckpoint(request.checkpoint) };
      return last.value;
    },
    secret,
    heartbeat,
    throwIfCancelled() {
      if (!open) return;
      slot.beat();
      if (slot.stopRequested()) throw cancelled('the attempt was stopped');
    },
  };
  return {
    ctx,
    close({ succeeded }) {
      open = false;
      signal.close();
      checkpoints.close(!succeeded);
      voice.close();
    },
  };
}
