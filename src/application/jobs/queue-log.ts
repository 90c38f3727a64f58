/**
 * How far one reader has read one log of kept events, and whether it has missed something there.
 *
 * When NATS loses power it may lose the end of the log, and then it reuses the positions. So the reader remembers the
 * mark of the event at its position. While the log has the same mark there, it has lost nothing before that position,
 * and everything after it is new.
 */
import type { QueuePosition } from '../calls/page-token.ts';
import type { EventLog, EventLogBounds, EventPlace, EventsOfQueue, KeptEvent } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';

/**
 * Each replica answers reads, and may not have yet what the leader, which knows the end, has confirmed. It catches up
 * within this time.
 */
const replicaLagMaxMs = 30_000;

export interface QueueLogParts {
  readonly log: EventLog;
  readonly events: EventsOfQueue;
  readonly pageEvents: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export class QueueLog {
  readonly #parts: QueueLogParts;
  #log = '';
  #position = 0;
  #mark = '';
  // The last position that was reported.
  #saidPosition = -1;
  #gap = false;
  /** An end of the log, over all queues. A read that begins `replicaLagMaxMs` later sees at least this much. */
  #end: (EventPlace & { readonly seenAtMs: number }) | undefined;

  constructor(parts: QueueLogParts) {
    this.#parts = parts;
  }

  /** Position up to which everything was read, wanted or not. */
  get position(): QueuePosition {
    return { log: this.#log, position: this.#position, mark: this.#mark };
  }

  /** Whether the position has changed, or there is a gap, since the last `takeGap`. */
  get isToReport(): boolean {
    return this.#gap || this.#position !== this.#saidPosition;
  }

  /** Begins at a position, at the end of the log, or with the oldest event that there ever was. */
  async begin(from: QueuePosition | 'end' | 'start'): Promise<void> {
    const bounds = await this.#bounds();
    if (from === 'end') {
      this.#log = bounds.log;
      this.#goTo({ position: bounds.last, mark: bounds.lastMark });
    } else if (from === 'start') {
      this.#log = bounds.log;
      this.#goTo({ position: 0, mark: '' });
    } else {
      this.#log = from.log;
      this.#goTo(from);
    }
    await this.#lookForGap(bounds);
  }

  async check(): Promise<void> {
    await this.#lookForGap(await this.#bounds());
  }

  /**
   * Reads the next page. A gap: the event at the position is another one. What follows is read by the next call, and the
   * caller reports the gap.
   */
  async read(): Promise<readonly KeptEvent[] | 'nothing' | 'gap'> {
    const { log, events, pageEvents, clock } = this.#parts;
    const beganMs = clock.monotonicMs();
    const page = await log.read(events, { after: this.#position, max: pageEvents });
    if (page.end === undefined) {
      this.#skip(beganMs);
      return 'nothing';
    }
    // Compare marks after reading the page. This detects what was lost by then; the next step detects what is lost
    // later.
    if (await this.#isOther()) {
      await this.check();
      return 'gap';
    }
    this.#goTo(page.end);
    return page.events;
  }

  /** Whether events before the reported position may have been missed. Resets the flag. */
  takeGap(): boolean {
    const gap = this.#gap;
    this.#gap = false;
    this.#saidPosition = this.#position;
    return gap;
  }

  async #bounds(): Promise<EventLogBounds> {
    const { log, clock } = this.#parts;
    const bounds = await log.bounds();
    if (this.#end === undefined || bounds.last < this.#end.position)
      this.#end = { position: bounds.last, mark: bounds.lastMark, seenAtMs: clock.monotonicMs() };
    return bounds;
  }

  /** A read found nothing, so up to an old enough end there is nothing for this reader. So its position does not age. */
  #skip(readAtMs: number): void {
    const end = this.#end;
    if (end === undefined || readAtMs - end.seenAtMs < replicaLagMaxMs) return;
    if (end.position > this.#position) this.#goTo(end);
    this.#end = undefined;
  }

  async #lookForGap(bounds: EventLogBounds): Promise<void> {
    const { log, first, last, lastMark } = bounds;
    if (log !== this.#log || this.#position < first - 1) {
      this.#log = log;
      this.#missSome({ position: first - 1, mark: '' });
    } else if (this.#position > last || (this.#position >= first && (await this.#isOther()))) {
      this.#missSome({ position: last, mark: lastMark });
    }
  }

  #missSome(goOnAt: EventPlace): void {
    this.#gap = true;
    this.#end = undefined;
    this.#goTo(goOnAt);
  }

  /** The event at the position is not the one that was read there. */
  async #isOther(): Promise<boolean> {
    if (this.#mark === '') return false;
    const mark = await this.#parts.log.markAt(this.#position);
    return mark !== undefined && mark !== this.#mark;
  }

  #goTo({ position, mark }: EventPlace): void {
    this.#position = position;
    this.#mark = mark;
  }
}
