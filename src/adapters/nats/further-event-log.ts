/**
 * The log of an EVENTS stream of which this process only learned from a publisher. Nobody here makes it, so it may be
 * gone, or this login may not read it. Then it is empty for its readers, who go on with the other logs.
 */
import type { EventLog, EventLogBounds, EventPage, EventsOfQueue } from '../../application/ports/event-log.ts';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { apiCodes, isForbidden } from './broker-error.ts';

const noLog: EventLogBounds = { log: '', first: 1, last: 0, lastMark: '' };

export class FurtherEventLog implements EventLog {
  readonly #stream: EventLog;
  readonly #log: Logger;
  #hasWarned = false;

  constructor(stream: EventLog, { log }: { readonly log: Logger }) {
    this.#stream = stream;
    this.#log = log;
  }

  async bounds(): Promise<EventLogBounds> {
    try {
      return await this.#stream.bounds();
    } catch (error) {
      if (!isGone(error) && !isForbidden(error)) throw error;
      if (!this.#hasWarned)
        this.#log.warn({ err: error }, 'a stream of events is not read: its nats.eventStreams is too small');
      this.#hasWarned = true;
      return noLog;
    }
  }

  /** A stream that is gone answers no read, so it is looked for first. */
  async read(events: EventsOfQueue, page: { readonly after: number; readonly max: number }): Promise<EventPage> {
    if ((await this.bounds()).last <= page.after) return { events: [] };
    return this.#stream.read(events, page);
  }

  async markAt(position: number): Promise<string | undefined> {
    return (await this.bounds()).last < position ? undefined : this.#stream.markAt(position);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof TroupeError && error.metadata['natsErrorCode'] === String(apiCodes.streamNotFound);
}
