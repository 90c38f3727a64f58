/**
 * The progress of one watched job, from two sources: live notes, which come at once and may be lost, and its shard's
 * view, which heartbeats bring late and again and again. A lost note is told with one of the next reads.
 */
import type { JobRecord } from '../../domain/job.ts';
import type { ProgressNote } from '../ports/bus.ts';
import type { JobProgress, JobView } from '../protocol/shard-protocol.ts';

export class WatchedProgress {
  /** The last one, told or not. */
  #known: (JobProgress & { readonly attempt: number }) | undefined;
  #toTell = false;
  #heardSinceRead = false;

  hear({ attempt, fraction, note }: ProgressNote): void {
    if (attempt < (this.#known?.attempt ?? 0)) return;
    this.#known = { attempt, fraction, note };
    this.#toTell = true;
    this.#heardSinceRead = true;
  }

  /** What was heard since the last read may be newer than what the shard knows; without a note its word counts. */
  read({ record, progress }: JobView): void {
    const isKnown = this.of(record) !== undefined;
    if (progress !== undefined && isRun(record) && !(isKnown && this.#heardSinceRead)) {
      const isNews = !isKnown || progress.fraction !== this.#known?.fraction || progress.note !== this.#known.note;
      this.#known = { ...progress, attempt: record.attempt };
      this.#toTell ||= isNews;
    }
    this.#heardSinceRead = false;
  }

  isNews(record: JobRecord): boolean {
    return this.#toTell && this.of(record) !== undefined;
  }

  /** That of the attempt which runs: one of a later attempt waits for its view. */
  of(record: JobRecord): JobProgress | undefined {
    if (this.#known === undefined || !isRun(record) || this.#known.attempt !== record.attempt) return undefined;
    const { fraction, note } = this.#known;
    return { fraction, note };
  }

  told(record: JobRecord): void {
    if (this.isNews(record)) this.#toTell = false;
  }
}

function isRun(record: JobRecord): boolean {
  return record.run !== undefined;
}
