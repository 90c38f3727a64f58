/** The event log of the modelled bus. Positions only grow, until the log or the end of it is lost. */
import type { JobEvent } from '../../../src/application/ports/bus.ts';
import type {
  EventLog,
  EventLogBounds,
  EventLogs,
  EventPage,
  EventsOfQueue,
  KeptEvent,
} from '../../../src/application/ports/event-log.ts';
import { given } from '../../../src/domain/given.ts';
import type { JobState } from '../../../src/domain/job.ts';
import type { BusLink } from './bus-link.ts';
import type { BusServer } from './bus-server.ts';

interface Kept {
  readonly position: number;
  readonly event: JobEvent;
  readonly storedMs: number;
}

const readTimeoutMs = 5_000;

export class KeptEvents {
  #kept: Kept[] = [];
  #log: string;

  constructor(log: string) {
    this.#log = log;
  }

  get bounds(): EventLogBounds {
    return { log: this.#log, first: 1, last: this.#kept.length, lastMark: this.markAt(this.#kept.length) ?? '' };
  }

  add(event: JobEvent, storedMs: number): void {
    this.#kept.push({ position: this.#kept.length + 1, event, storedMs });
  }

  markAt(position: number): string | undefined {
    const kept = this.#kept[position - 1];
    return kept === undefined ? undefined : markOf(kept);
  }

  read(events: EventsOfQueue, { after, max }: { readonly after: number; readonly max: number }): readonly KeptEvent[] {
    const page: KeptEvent[] = [];
    for (let index = after; index < this.#kept.length && page.length < max; index += 1) {
      const kept = this.#kept[index];
      if (kept === undefined || !isOf(events, kept.event)) continue;
      const { jobId, seq, data } = kept.event;
      // The data of every event have these fields: see `jobEventOf`.
      const { handler, state } = data as { readonly handler: string; readonly state: JobState };
      page.push({ position: kept.position, jobId, seq, handler, state, mark: markOf(kept) });
    }
    return page;
  }

  begin(log: string): void {
    this.#kept = [];
    this.#log = log;
  }

  /** Loses what was stored after the last sync. Its positions are used again. */
  lose(syncedMs: number): void {
    this.#kept = this.#kept.filter(({ storedMs }) => storedMs <= syncedMs);
  }
}

/** The one log as one process reads it. */
export class BusEvents implements EventLogs, EventLog {
  readonly #link: BusLink;
  readonly #server: BusServer;
  readonly #next = new Set<{ readonly events: EventsOfQueue; readonly listener: () => void }>();

  constructor(link: BusLink, server: BusServer) {
    this.#link = link;
    this.#server = server;
  }

  of(): readonly EventLog[] {
    return [this];
  }

  bounds(): Promise<EventLogBounds> {
    return this.#link.call(() => this.#server.keptEvents.bounds, { timeoutMs: readTimeoutMs });
  }

  read(of: EventsOfQueue, page: { readonly after: number; readonly max: number }): Promise<EventPage> {
    const read = (): EventPage => {
      const events = this.#server.keptEvents.read(of, page);
      return { events, ...given({ end: events.at(-1) }) };
    };
    return this.#link.call(read, { timeoutMs: readTimeoutMs });
  }

  markAt(position: number): Promise<string | undefined> {
    return this.#link.call(() => this.#server.keptEvents.markAt(position), { timeoutMs: readTimeoutMs });
  }

  onNext(events: EventsOfQueue, listener: () => void): () => void {
    const one = { events, listener };
    this.#next.add(one);
    return () => this.#next.delete(one);
  }

  /** An event was published. Calls each waiting listener of such events once. */
  published(event: JobEvent): void {
    for (const one of [...this.#next]) {
      if (!isOf(one.events, event)) continue;
      this.#next.delete(one);
      this.#link.wire.receive(one.listener);
    }
  }
}

/** Time at which the event was stored, in whole ticks of virtual time. */
function markOf({ storedMs }: Kept): string {
  return String(Math.round(storedMs * 1_024));
}

function isOf({ tenant, queue, type }: EventsOfQueue, event: JobEvent): boolean {
  return event.tenant === tenant && event.queue === queue && (type === undefined || event.type === type);
}
