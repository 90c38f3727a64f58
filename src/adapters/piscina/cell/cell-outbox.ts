/**
 * What a cell says to its parent, in frames. Everything of one turn of the event loop is one frame; and while runs wait
 * for a thread, news that nobody needs at once (a start, a success) waits for company, so that many outcomes share a
 * frame, a claim, a commit and their publishes. Bounds of that wait: `patienceMs`, and `heldEndsMax` runs.
 */
import { type CellEvent, heldEndsMax } from '../protocol/cell-frames.ts';
import { inFrames } from '../protocol/frame-cut.ts';

export interface CellOutboxOptions {
  /** Resolves when the frame is written: the parent will read it, whatever becomes of this process. */
  readonly send: (frame: readonly CellEvent[]) => Promise<void>;
  /** How long news may wait for company now; 0 while a thread may need what the news makes room for. */
  readonly patienceMs: () => number;
}

export class CellOutbox {
  readonly #options: CellOutboxOptions;
  #events: CellEvent[] = [];
  #ends = 0;
  #turnEnd: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CellOutboxOptions) {
    this.#options = options;
  }

  emit(event: CellEvent): void {
    this.#events.push(event);
    if (event.kind === 'ended') this.#ends += 1;
    if (this.#turnEnd !== undefined) return;
    const patienceMs = this.#mayWait(event) ? this.#options.patienceMs() : 0;
    if (patienceMs > 0) this.#timer ??= setTimeout(() => void this.flush(), patienceMs);
    else this.#turnEnd = setImmediate(() => void this.flush());
  }

  flush(): Promise<void> {
    clearImmediate(this.#turnEnd);
    clearTimeout(this.#timer);
    this.#turnEnd = undefined;
    this.#timer = undefined;
    const frame = this.#events;
    this.#events = [];
    this.#ends = 0;
    return frame.length === 0 ? Promise.resolve() : this.#sendAll(frame);
  }

  async #sendAll(events: readonly CellEvent[]): Promise<void> {
    await Promise.all(inFrames(events).map((frame) => this.#options.send(frame)));
  }

  #mayWait(event: CellEvent): boolean {
    const patient = event.kind === 'started' || (event.kind === 'ended' && event.outcome.kind === 'succeeded');
    return patient && this.#ends < heldEndsMax;
  }
}
