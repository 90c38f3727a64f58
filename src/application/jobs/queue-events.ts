/**
 * One reader of a queue's kept events: page after page, then each event as it arrives. It holds one page in memory.
 * News only announce that there is something to read, so lost news only cost time. The reader checks regularly whether
 * the events after its position are still kept.
 *
 * The events of a queue lie in one log, or in several if the number of logs was changed. A log of an earlier setting is
 * read to its end before a later one, each time, so that what happened to a job comes in order.
 */
import type { JobId } from '../../domain/job-id.ts';
import { eventTypeInto } from './job-events.ts';
import { type JobFilter, statesOf } from './job-filter.ts';
import type { QueuePosition } from '../calls/page-token.ts';
import type { EventLogs, EventsOfQueue, KeptEvent } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';
import type { WakeUp } from '../calls/wake-up.ts';
import { given } from '../../domain/given.ts';
import { QueueLog } from './queue-log.ts';

/** Without news the reader checks the log after this time and reports its position. */
const checkMs = 5_000;
/**
 * Delay between an announcement and the read: more announcements may arrive, and the log may receive an event later
 * than its listeners do.
 */
const lagFloorMs = 50;

export interface QueueEventsParts {
  readonly events: EventLogs;
  readonly clock: Clock;
  readonly wakeUp: WakeUp;
  readonly place: { readonly tenant: string; readonly queue: string };
  readonly filter: Pick<JobFilter, 'states' | 'handler' | 'failureReasons'>;
  readonly pageEvents: number;
}

/** A wanted event, and the positions of all logs after it. */
export interface QueueChange {
  readonly event: KeptEvent;
  readonly positions: readonly QueuePosition[];
}

export class QueueEvents {
  readonly #parts: QueueEventsParts;
  readonly #wanted: (event: KeptEvent) => boolean;
  readonly #events: EventsOfQueue;
  readonly #logs: QueueLog[];
  /** Where the reader was told to begin. */
  #from: readonly QueuePosition[] = [];
  /** The wanted events of the page that was read last: the newest of each job, in the order of the log. */
  changes: readonly QueueChange[] = [];
  #checkedAtMs = 0;
  #disarm: (() => void) | undefined;
  /** News announced something that was not found yet. */
  #expecting = false;
  #lagMs = lagFloorMs;

  constructor(parts: QueueEventsParts) {
    const { place, filter, events, pageEvents, clock } = parts;
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
    this.#logs = events.of(place).map((log) => new QueueLog({ log, events: this.#events, pageEvents, clock }));
  }

  /** Positions of the logs up to which everything was read, wanted or not. */
  get positions(): readonly QueuePosition[] {
    return this.#logs.map(({ position }) => position);
  }

  /**
   * Without `from`, the reader starts at the end of the logs. A log that `from` does not know was added later, and is
   * read from its start.
   */
  async begin(from: readonly QueuePosition[] | undefined): Promise<void> {
    this.#from = from ?? [];
    await Promise.all(this.#logs.map((log, n) => log.begin(from === undefined ? 'end' : (from[n] ?? 'start'))));
    this.#checkedAtMs = this.#parts.clock.monotonicMs();
  }

  /**
   * Takes one step: reads a page, or waits until news, the timeout or the end of the call. Resolves with true if the
   * caller should report the position and whether there is a gap.
   */
  async next(): Promise<boolean> {
    this.changes = [];
    const { clock, wakeUp } = this.#parts;
    if (clock.monotonicMs() - this.#checkedAtMs >= checkMs) {
      await Promise.all(this.#logs.map((log) => log.check()));
      await this.#addLogs();
      this.#checkedAtMs = clock.monotonicMs();
      if (this.#logs.some(({ isToReport }) => isToReport)) return true;
    }
    const found = await this.#readOne();
    if (found !== 'nothing') return found === 'gap';
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

  /** Whether events before the reported positions may have been missed. Resets the flag. */
  takeGap(): boolean {
    return this.#logs.map((log) => log.takeGap()).some(Boolean);
  }

  close(): void {
    this.#disarm?.();
  }

  /** Events of the queue may go to a log of which nobody knew here when the reader began. */
  async #addLogs(): Promise<void> {
    const { events, place, pageEvents, clock } = this.#parts;
    for (const log of events.of(place).slice(this.#logs.length)) {
      const added = new QueueLog({ log, events: this.#events, pageEvents, clock });
      await added.begin(this.#from[this.#logs.length] ?? 'start');
      this.#logs.push(added);
    }
  }

  /** Reads a page of the first log that has one. */
  async #readOne(): Promise<'page' | 'gap' | 'nothing'> {
    for (const [n, log] of this.#logs.entries()) {
      const page = await log.read();
      if (page === 'gap') return 'gap';
      if (page === 'nothing') continue;
      const { positions } = this;
      this.changes = newestOfJobs(page.filter(this.#wanted)).map((event) => ({
        event,
        positions: positions.map((now, m) => (m === n ? { ...now, position: event.position, mark: event.mark } : now)),
      }));
      this.#expecting = false;
      return 'page';
    }
    return 'nothing';
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
