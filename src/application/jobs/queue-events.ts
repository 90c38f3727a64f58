/**
 * One reader of a queue's kept events: page after page, then each event as it arrives. It holds one page in memory.
 * News only announce that there is something to read, so lost news only cost time. The reader checks regularly whether
 * the events after its position are still kept.
 *
 * When NATS loses power it may lose the end of the log, and then it reuses the positions. So the reader remembers the
 * mark of the event at its position. While the log has the same mark there, it has lost nothing before that position,
 * and everything after it is new.
 */
import type { JobId } from '../../domain/job-id.ts';
import { eventTypeInto } from './job-events.ts';
import { type JobFilter, statesOf } from './job-filter.ts';
import type { QueuePosition } from '../calls/page-token.ts';
import type { EventLog, EventLogBounds, EventsOfQueue, KeptEvent } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';
import type { WakeUp } from '../calls/wake-up.ts';
import { given } from '../../domain/given.ts';

/** Without news the reader checks the log after this time and reports its position. */
const checkMs = 5_000;
/**
 * Delay between an announcement and the read: more announcements may arrive, and the log may receive an event later
 * than its listeners do.
 */
const lagFloorMs = 50;

export interface QueueEventsParts {
  readonly events: EventLog;
  readonly clock: Clock;
  readonly wakeUp: WakeUp;
  readonly place: { readonly tenant: string; readonly queue: string };
  readonly filter: Pick<JobFilter, 'states' | 'handler' | 'failureReasons'>;
  readonly pageEvents: number;
}

export class QueueEvents {
  readonly #parts: QueueEventsParts;
  readonly #wanted: (event: KeptEvent) => boolean;
  readonly #events: EventsOfQueue;
  /** The wanted events of the page that was read last: the newest of each job, in the order of the log. */
  changes: readonly KeptEvent[] = [];
  #log = '';
  #position = 0;
  #mark = '';
  // The last position that was reported.
  #saidPosition = -1;
  #gap = false;
  #checkedAtMs = 0;
  /** End of the log, over all queues, at the last check. A read that follows sees at least this much. */
  #atCheck = { position: 0, mark: '' };
  #disarm: (() => void) | undefined;
  /** News announced something that was not found yet. */
  #expecting = false;
  #lagMs = lagFloorMs;

  constructor(parts: QueueEventsParts) {
    const { place, filter } = parts;
    this.#parts = parts;
    const states = new Set(statesOf(filter));
    const { handler } = filter;
    this.#wanted = (event) =>
      (handler === '' || event.handler === handler) && (states.size === 0 || states.has(event.state));
    const [state] = states;
    this.#events = {
      ...place,
      ...given({ type: states.size === 1 && state !== undefined ? eventTypeInto(state) : undefined }),
    };
  }

  /** Position up to which everything was read, wanted or not. */
  get position(): QueuePosition {
    return { log: this.#log, position: this.#position, mark: this.#mark };
  }

  /** Without `from`, the reader starts at the end of the log. */
  async begin(from: QueuePosition | undefined): Promise<void> {
    const bounds = await this.#check();
    this.#log = from?.log ?? bounds.log;
    this.#goTo(from ?? { position: bounds.last, mark: bounds.lastMark });
    await this.#lookForGap(bounds);
  }

  /**
   * Takes one step: reads a page, or waits until news, the timeout or the end of the call. Resolves with true if the
   * caller should report the position and whether there is a gap.
   */
  async next(): Promise<boolean> {
    this.changes = [];
    const { clock, events, pageEvents, wakeUp } = this.#parts;
    if (clock.monotonicMs() - this.#checkedAtMs >= checkMs) {
      await this.#lookForGap(await this.#check());
      if (this.#gap || this.#position !== this.#saidPosition) return true;
    }
    const page = await events.read(this.#events, { after: this.#position, max: pageEvents });
    const last = page.at(-1);
    if (last !== undefined) {
      // Compare marks after reading the page. This detects what was lost by then; the next step detects what is lost
      // later.
      if (await this.#isOther()) {
        await this.#lookForGap(await this.#check());
        return true;
      }
      this.#goTo(last);
      this.changes = newestOfJobs(page.filter(this.#wanted));
      this.#expecting = false;
      return false;
    }
    if (this.#atCheck.position > this.#position) this.#goTo(this.#atCheck);
    if (this.#expecting && this.#lagMs < checkMs) {
      await wakeUp.sleep(this.#lagMs, { deaf: true });
      this.#lagMs *= 2;
    } else if (this.#disarm === undefined) {
      // The next read finds events that arrived before the listener was registered.
      this.#arm();
    } else {
      await wakeUp.sleep(Math.max(0, this.#checkedAtMs + checkMs - clock.monotonicMs()));
      if (this.#expecting) await wakeUp.sleep(lagFloorMs, { deaf: true });
    }
    return false;
  }

  /** Whether events before the reported position may have been missed. Resets the flag. */
  takeGap(): boolean {
    const gap = this.#gap;
    this.#gap = false;
    this.#saidPosition = this.#position;
    return gap;
  }

  close(): void {
    this.#disarm?.();
  }

  #arm(): void {
    const { events, wakeUp } = this.#parts;
    this.#expecting = false;
    this.#disarm = events.onNext(this.#events, () => {
      this.#disarm = undefined;
      this.#expecting = true;
      this.#lagMs = lagFloorMs;
      wakeUp.wake();
    });
  }

  async #check(): Promise<EventLogBounds> {
    const bounds = await this.#parts.events.bounds();
    this.#checkedAtMs = this.#parts.clock.monotonicMs();
    this.#atCheck = { position: bounds.last, mark: bounds.lastMark };
    return bounds;
  }

  async #lookForGap(bounds: EventLogBounds): Promise<void> {
    const { log, first, last, lastMark } = bounds;
    if (log !== this.#log || this.#position < first - 1) {
      this.#gap = true;
      this.#log = log;
      this.#goTo({ position: first - 1, mark: '' });
    } else if (this.#position > last || (this.#position >= first && (await this.#isOther()))) {
      this.#gap = true;
      this.#goTo({ position: last, mark: lastMark });
    }
  }

  /** The event at the position is not the one that was read there. */
  async #isOther(): Promise<boolean> {
    if (this.#mark === '') return false;
    const mark = await this.#parts.events.markAt(this.#position);
    return mark !== undefined && mark !== this.#mark;
  }

  #goTo({ position, mark }: Pick<QueuePosition, 'position' | 'mark'>): void {
    this.#position = position;
    this.#mark = mark;
  }
}

/**
 * Picks the newest event of each job and not the last one, because a recovered log gets older events again, behind a
 * newer one.
 */
function newestOfJobs(events: readonly KeptEvent[]): readonly KeptEvent[] {
  const newest = new Map<JobId, KeptEvent>();
  for (const event of events) {
    if (event.seq < (newest.get(event.jobId)?.seq ?? 0)) continue;
    newest.delete(event.jobId);
    newest.set(event.jobId, event);
  }
  return [...newest.values()];
}
