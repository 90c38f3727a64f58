/**
 * One reader of a queue's kept events: page after page, then as they come. It holds one page. News only say that there is
 * something to read, so lost ones cost time; regularly it looks whether what it has not read is still kept.
 *
 * NATS that loses its power loses the end of the log and gives its positions anew. So a position goes with the mark of the
 * event that lies there: while that is the same, nothing before it was taken back, and what comes after it is what is new.
 */
import type { JobId } from '../../domain/job-id.ts';
import { eventTypeInto } from '../jobs/job-events.ts';
import { type JobFilter, statesOf } from '../jobs/job-filter.ts';
import type { QueuePosition } from '../jobs/page-token.ts';
import type { EventLog, EventLogBounds, EventsOfQueue, KeptEvent } from '../ports/event-log.ts';
import type { Clock } from '../ports/runtime.ts';
import type { WakeUp } from '../jobs/wake-up.ts';

/** Without news it looks after this, and says how far it is. */
const checkMs = 5_000;
/** From news to the look: more may come, and the log may have the event later than its listeners. */
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
  /** Of the page that was read last: of each job the newest that is wanted, in the order of the log. */
  changes: readonly KeptEvent[] = [];
  #log = '';
  #position = 0;
  #mark = '';
  #saidPosition = -1;
  #gap = false;
  #checkedAtMs = 0;
  /** Of all queues at the last check: what is read now holds no less. */
  #atCheck = { position: 0, mark: '' };
  #disarm: (() => void) | undefined;
  /** News say that there is something that has not been found yet. */
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
    this.#events = { ...place, ...(states.size === 1 && state !== undefined && { type: eventTypeInto(state) }) };
  }

  /** Of all that was read, wanted or not. */
  get position(): QueuePosition {
    return { log: this.#log, position: this.#position, mark: this.#mark };
  }

  /** Absent: at the end, with what happens from now on. */
  async begin(from: QueuePosition | undefined): Promise<void> {
    const bounds = await this.#check();
    this.#log = from?.log ?? bounds.log;
    this.#goTo(from ?? { position: bounds.last, mark: bounds.lastMark });
    await this.#lookForGap(bounds);
  }

  /**
   * One step: a page, or a wait that news, time and the end of the call cut short. True: how far it is should be told,
   * and whether there is a gap.
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
      // After the page was read: what was taken back by then is seen here, what is taken back later at the next look.
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
      // What came before the listener did is found by the next read.
      this.#arm();
    } else {
      await wakeUp.sleep(Math.max(0, this.#checkedAtMs + checkMs - clock.monotonicMs()));
      if (this.#expecting) await wakeUp.sleep(lagFloorMs, { deaf: true });
    }
    return false;
  }

  /** What is told with the position: events before it may have been missed. */
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

  /** Another event has the place of the one that was read there. */
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

/** Not the last of each job: after a loss of the log its older events are published again, behind a newer one. */
function newestOfJobs(events: readonly KeptEvent[]): readonly KeptEvent[] {
  const newest = new Map<JobId, KeptEvent>();
  for (const event of events) {
    if (event.seq < (newest.get(event.jobId)?.seq ?? 0)) continue;
    newest.delete(event.jobId);
    newest.set(event.jobId, event);
  }
  return [...newest.values()];
}
