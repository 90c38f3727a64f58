/**
 * What an attempt has said, bounded: its beginning and its newest lines are kept. Lines of an attempt are numbered 1, 2, 3
 * by its node, so a gap in the numbers is exactly what was dropped in between.
 */
import type { JobRecord, Payload } from './job.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogLine {
  readonly attempt: number;
  readonly number: number;
  readonly atMs: number;
  readonly level: LogLevel;
  /** At most 2,000 characters. */
  readonly text: string;
}

/** Where a reader stands: the last line it has seen. */
export type LogPosition = Pick<LogLine, 'attempt' | 'number'>;

/** The log of an attempt that has ended: a JSON list of its lines. */
export interface StoredLog {
  readonly attempt: number;
  readonly payload: Payload;
}

/** Each of the beginning and the end. */
const partBytes = 32 * 1_024;
/** Of a line besides its text. */
const lineBytes = 64;
/** Attempts whose logs are kept. */
export const storedLogsMax = 3;

export class JobLog {
  readonly #head: LogLine[] = [];
  #headBytes = 0;
  readonly #tail: LogLine[] = [];
  #tailBytes = 0;
  #through = 0;

  /** Number of the newest line; 0 for none. */
  get through(): number {
    return this.#through;
  }

  get bytes(): number {
    return this.#headBytes + this.#tailBytes;
  }

  /** Numbers only grow; an older line is not taken. */
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

  /** What is kept of the lines after this one. */
  after(number: number): readonly LogLine[] {
    return [...this.#head, ...this.#tail].filter((line) => line.number > number);
  }
}

export function isAfter(line: LogPosition, seen: LogPosition): boolean {
  return line.attempt > seen.attempt || (line.attempt === seen.attempt && line.number > seen.number);
}

/** Lines that a reader misses between the last one it has seen and this one. */
export function skippedBefore(line: LogPosition, seen: LogPosition): number {
  return line.number - 1 - (line.attempt === seen.attempt ? seen.number : 0);
}

/** The record with the log of its present attempt, which has ended. */
export function withLog(record: JobRecord, payload: Payload | undefined): JobRecord {
  if (payload === undefined) return record;
  const logs = [...(record.logs ?? []), { attempt: record.attempt, payload }].slice(-storedLogsMax);
  return { ...record, logs };
}

function bytesOf({ text }: LogLine): number {
  return Buffer.byteLength(text) + lineBytes;
}
