/**
 * The log of an attempt, bounded: the first and the newest lines are kept. The node numbers the lines of an attempt 1,
 * 2, 3, …, so a gap in the numbers shows exactly what was dropped.
 */
import type { JobRecord, Payload } from './job.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One line that a handler logged. */
export interface LogLine {
  readonly attempt: number;
  /** Counts from 1 within the attempt. */
  readonly number: number;
  readonly atMs: number;
  readonly level: LogLevel;
  /** At most 2,000 characters. */
  readonly text: string;
  /** The text, encrypted (base64). Then `text` is empty. */
  readonly sealed?: string;
}

/** A reader's position: the last line that it has seen. */
export type LogPosition = Pick<LogLine, 'attempt' | 'number'>;

/** The log of a completed attempt: a JSON array of its lines. */
export interface StoredLog {
  readonly attempt: number;
  readonly payload: Payload;
}

/** The size of each of the two parts that are kept: the beginning and the end. */
const partBytes = 32 * 1_024;
/** The estimated size of a line apart from its text. */
const lineBytes = 64;
/** The number of attempts of a job whose logs are kept. */
export const storedLogsMax = 3;

/** The kept lines of one attempt. */
export class JobLog {
  readonly #head: LogLine[] = [];
  #headBytes = 0;
  readonly #tail: LogLine[] = [];
  #tailBytes = 0;
  #through = 0;

  /** The number of the newest line, or 0 if there is none. */
  get through(): number {
    return this.#through;
  }

  get bytes(): number {
    return this.#headBytes + this.#tailBytes;
  }

  /** Adds a line. Numbers must grow: a line that is not newer is ignored, because nodes may repeat what they sent. */
  add(line: LogLine): void {
    if (line.number <= this.#through) return;
    this.#through = line.number;
    const bytes = bytesOf(line);
    if (this.#tail.length === 0 && this.#headBytes + bytes <= partBytes) {
      this.#head.push(line);
      this.#headBytes += bytes;
      return;
    }
    this.#tail.push(line);
    this.#tailBytes += bytes;
    while (this.#tailBytes > partBytes) {
      const dropped = this.#tail.shift();
      this.#tailBytes -= dropped === undefined ? this.#tailBytes : bytesOf(dropped);
    }
  }

  /** The kept lines with a higher number, in order. */
  after(number: number): readonly LogLine[] {
    return [...this.#head, ...this.#tail].filter((line) => line.number > number);
  }
}

/** True if the line is newer than what the reader has seen. */
export function isAfter(line: LogPosition, seen: LogPosition): boolean {
  return line.attempt > seen.attempt || (line.attempt === seen.attempt && line.number > seen.number);
}

/** The number of lines dropped between the last line that the reader has seen and this one. */
export function skippedBefore(line: LogPosition, seen: LogPosition): number {
  return line.number - 1 - (line.attempt === seen.attempt ? seen.number : 0);
}

/** Adds the log of the attempt that has just ended to the record. Logs of the oldest attempts are dropped. */
export function withLog(record: JobRecord, payload: Payload | undefined): JobRecord {
  if (payload === undefined) return record;
  const logs = [...(record.logs ?? []), { attempt: record.attempt, payload }].slice(-storedLogsMax);
  return { ...record, logs };
}

function bytesOf({ text, sealed = '' }: LogLine): number {
  return Buffer.byteLength(text) + sealed.length + lineBytes;
}
