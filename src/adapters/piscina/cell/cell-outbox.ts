/**
 * Sends the events of a cell to its parent in frames. All events of one turn of the event loop share a frame. While
 * runs wait for a thread, nobody needs to know of a start or a success at once, so these are held back for a moment.
 * Then many outcomes share a frame, a claim, a commit and their publishes. The delay is bounded by `patienceMs`, and by
 * `heldEndsMax` ended runs.
 */
import { type CellEvent, heldEndsMax } from '../protocol/cell-frames.ts';
import { inFrames } from '../protocol/frame-cut.ts';

export interface CellOutboxOptions {
  /** Resolves when the frame is written. The parent will then read it, even if this process dies. */
  readonly send: (frame: readonly CellEvent[]) => Promise<void>;
  /** How long events may be held back now. 0 while a thread may need the work that the events make room for. */
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
