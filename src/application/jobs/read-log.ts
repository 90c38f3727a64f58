/**
 * Reads the log lines of a job's attempts: those of ended attempts from the payload store, those of running attempts
 * from the memory of their shard. A reader holds one page at a time, however slow it is. It counts the lines that were
 * dropped before it could read them.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import { isAfter, type LogLine, type LogPosition, skippedBefore, type StoredLog } from '../../domain/job-log.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import { openPayload, type PayloadSource } from './get-job.ts';
import { readableLines } from './readable-job.ts';
import { awayCodes, type JobReader } from './job-reader.ts';
import type { Clock } from '../ports/runtime.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { ReadLogResult } from '../ports/shard-protocol.ts';

export interface LogParts extends PayloadSource {
  readonly reader: JobReader;
  readonly batcher: ShardBatcher;
  readonly clock: Clock;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Number of lines that were dropped before or between these. */
  readonly skipped: number;
}

export const logStart: LogPosition = { attempt: 0, number: 0 };

/** A cursor reads for one call, and what it loads is reserved there. */
type CursorParts = LogParts & { readonly context: ReadContext };

/** The position of one reader in the log of one job. */
export class LogCursor {
  readonly #parts: CursorParts;
  readonly #record: JobRecord;
  /** Ended attempts whose lines were all read. */
  readonly #over = new Set<number>();
  seen: LogPosition;

  constructor(parts: CursorParts, record: JobRecord, seen: LogPosition) {
    this.#parts = parts;
    this.#record = record;
    this.seen = seen;
  }

  /** The next page after `seen`. Undefined if there is nothing new at present. */
  async next(): Promise<LogPage | undefined> {
    const { stored, lines } = await this.#ask(this.seen);
    for (const log of stored) {
      if (log.attempt < this.seen.attempt || this.#over.has(log.attempt)) continue;
      const page = this.#page(await this.#open(log));
      this.#over.add(log.attempt);
      if (page !== undefined) return page;
    }
    return this.#page(lines);
  }

  /**
   * Everything that exists now. Each attempt is captured at one moment, so the result is bounded and the call ends even
   * if the attempt keeps logging. An attempt that ends meanwhile is returned as it was stored. The record tells what was
   * stored too, because a former owner may answer with less.
   */
  async rest({ logs = [] }: JobRecord): Promise<LogPage> {
    const attempts = new Map<number, readonly LogLine[]>();
    let asked = this.seen;
    for (;;) {
      const { stored, lines } = await this.#ask(asked);
      for (const log of [...stored, ...logs]) {
        if (log.attempt < this.seen.attempt || this.#over.has(log.attempt)) continue;
        attempts.set(log.attempt, await this.#open(log));
        this.#over.add(log.attempt);
      }
      const said = lines.filter((line) => isAfter(line, asked) && !attempts.has(line.attempt));
      for (const [attempt, ofIt] of Map.groupBy(said, (line) => line.attempt)) attempts.set(attempt, ofIt);
      const newest = said.at(-1);
      if (newest === undefined) break;
      asked = { attempt: newest.attempt + 1, number: 0 };
    }
    const inOrder = [...attempts].toSorted(([one], [other]) => one - other).flatMap(([, lines]) => lines);
    return this.#page(inOrder) ?? { lines: [], skipped: 0 };
  }

  #page(lines: readonly LogLine[]): LogPage | undefined {
    const unseen = lines.filter((line) => isAfter(line, this.seen));
    let skipped = 0;
    for (const line of unseen) {
      skipped += skippedBefore(line, this.seen);
      this.seen = { attempt: line.attempt, number: line.number };
    }
    return unseen.length === 0 ? undefined : { lines: unseen, skipped };
  }

  async #ask(seen: LogPosition): Promise<ReadLogResult> {
    const { id, spec } = this.#record;
    const item = { jobId: id, seen };
    try {
      const { tenant } = spec;
      const { stored, lines } = await this.#parts.batcher.call(jobIdParts(id).shard, 'readLog', item, { tenant });
      return { stored, lines: await readableLines(this.#parts.sealing, this.#record, lines) };
    } catch (error) {
      if (!(error instanceof TroupeError) || !awayCodes.has(error.code)) throw error;
      const { record } = await this.#parts.reader.read(this.#parts.context, id);
      return { stored: record.logs ?? [], lines: [] };
    }
  }

  /** Empty if the log was erased, or has expired with the job's payloads. */
  async #open({ payload }: StoredLog): Promise<readonly LogLine[]> {
    const nowMs = this.#parts.clock.nowMs();
    const { reserve } = this.#parts.context;
    const opened = await openPayload(this.#parts, { record: this.#record, payload, kind: 'log', nowMs, reserve });
    return opened.kind === 'json' ? (JSON.parse(opened.json) as readonly LogLine[]) : [];
  }
}

export type GetJobLog = (context: ReadContext, jobId: string) => Promise<LogPage>;

export function createGetJobLog(parts: LogParts): GetJobLog {
  return async (context, jobId) => {
    ensureAwaited(context, parts.clock.nowMs());
    const { record } = await parts.reader.read(context, jobId);
    return new LogCursor({ ...parts, context }, record, logStart).rest(record);
  };
}
