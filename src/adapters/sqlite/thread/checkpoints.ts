/**
 * When the log is copied into the database. SQLite itself would do it within a commit, 32 MiB at a time, while everybody
 * waits. Here it happens after an answer: in small pieces while nothing else is to do, and in the middle of work only
 * before the log gets long. A reader in another process (a backup) can hold it up; the log grows until it has ended. What
 * has gathered then is copied in one go, because SQLite knows no other way, and the thread answers nothing meanwhile. So
 * who watches over its silence is told before.
 *
 * SQLite does not say how long its log is, so its growth is estimated: some pages for each write, and those of its bytes.
 */
import { pageBytes } from '../database/database-file.ts';
import type { StoreRequest } from './thread-messages.ts';

/** 2 MiB: some milliseconds of work. */
const idlePages = 256;
/** 32 MiB: a hot page is copied once for many commits. */
const busyPages = 4_000;
/** From here on a checkpoint takes a while on a slow disk. */
const longBytes = 128 << 20;
/** Rest after a checkpoint that failed, as on a full disk. */
const restMs = 1_000;

/** Pages that a write changes whatever it writes: of its table and of the fence. */
const pagesOfWrite = 3;
/** Rows are written into pages that are half full on average. */
const bytesOfPage = pageBytes / 2;

export interface CheckpointsParts {
  /** Returns how many pages of the log are still to be copied. */
  readonly checkpoint: () => number;
  /** Called before so many bytes are copied. */
  readonly onLong: (bytes: number) => void;
  readonly onFailed: (error: unknown) => void;
}

export class Checkpoints {
  readonly #parts: CheckpointsParts;
  #grownPages = 0;
  /** What a reader held up. */
  #leftPages = 0;
  #restsUntilMs = 0;

  constructor(parts: CheckpointsParts) {
    this.#parts = parts;
  }

  written(requests: readonly StoreRequest[]): void {
    for (const { args } of requests) this.#grownPages += pagesOfWrite + Math.ceil(bytesIn(args) / bytesOfPage);
  }

  /** Call it between two transactions. */
  turn(isIdle: boolean, nowMs: number): void {
    if (this.#grownPages < (isIdle ? idlePages : busyPages) || nowMs < this.#restsUntilMs) return;
    const { checkpoint, onFailed } = this.#parts;
    this.foretell();
    try {
      this.#leftPages = checkpoint();
      this.#grownPages = 0;
    } catch (error) {
      this.#restsUntilMs = nowMs + restMs;
      onFailed(error);
    }
  }

  /** Call it before something else copies the log: to close the database does. */
  foretell(): void {
    const bytes = (this.#leftPages + this.#grownPages) * pageBytes;
    if (bytes >= longBytes) this.#parts.onLong(bytes);
  }
}

/** Bytes of payloads, and characters of texts two levels deep, where the rows of a group are. */
function bytesIn(args: readonly unknown[], depth = 0): number {
  let bytes = 0;
  for (const arg of args) {
    if (typeof arg === 'string') bytes += arg.length;
    else if (arg instanceof Uint8Array) bytes += arg.byteLength;
    else if (Array.isArray(arg) && depth < 2) bytes += bytesIn(arg as readonly unknown[], depth + 1);
  }
  return bytes;
}
