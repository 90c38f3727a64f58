/**
 * The progress of one watched job, from two sources. Live notes arrive at once but may be lost. The shard's view lags,
 * because heartbeats update it, but repeats itself. So a lost note is sent with one of the next reads.
 */
import { given } from '../../domain/given.ts';
import type { JobRecord } from '../../domain/job.ts';
import type { ProgressNote } from '../ports/bus.ts';
import type { JobProgress, JobView } from '../ports/shard-protocol.ts';

export class WatchedProgress {
  /** The newest progress, whether it was sent or not. */
  #known: (JobProgress & { readonly attempt: number }) | undefined;
  #toTell = false;
  #heardSinceRead = false;

  hear({ attempt, fraction, note, sealedNote }: ProgressNote): void {
    if (attempt < (this.#known?.attempt ?? 0)) return;
    this.#known = { attempt, fraction, note, ...given({ sealedNote }) };
    this.#toTell = true;
    this.#heardSinceRead = true;
  }

  /** Notes that arrived since the last read may be newer than the shard's view. Without such a note the view counts. */
  read({ record, progress }: JobView): void {
    const isKnown = this.of(record) !== undefined;
    if (progress !== undefined && isRun(record) && !(isKnown && this.#heardSinceRead)) {
      const isNews = !isKnown || !isAlike(progress, this.#known);
      this.#known = { ...progress, attempt: record.attempt };
      this.#toTell ||= isNews;
    }
    this.#heardSinceRead = false;
  }

  isNews(record: JobRecord): boolean {
    return this.#toTell && this.of(record) !== undefined;
  }

  /** The progress of the running attempt. Progress of a later attempt waits until the view shows that attempt. */
  of(record: JobRecord): JobProgress | undefined {
    if (this.#known === undefined || !isRun(record) || this.#known.attempt !== record.attempt) return undefined;
    const { fraction, note, sealedNote } = this.#known;
    return { fraction, note, ...given({ sealedNote }) };
  }

  told(record: JobRecord): void {
    if (this.isNews(record)) this.#toTell = false;
  }
}

function isAlike(one: JobProgress, other: JobProgress | undefined): boolean {
  return one.fraction === other?.fraction && one.note === other.note && one.sealedNote === other.sealedNote;
}

function isRun(record: JobRecord): boolean {
  return record.run !== undefined;
}
