/**
 * Writes that are asked for in one turn share a transaction, and with it the wait for the disk: shards of one process flush
 * together more often than not. Each is a part that fails alone; if the transaction itself fails, all of them do.
 */
import type { DatabaseSync } from 'node:sqlite';
import { inSavepoint, inTransaction } from './transaction.ts';

/** Parts in one transaction: the file is locked while they run. */
const partsMax = 16;

interface Part {
  /** Leaves its outcome for `settle`; throws when the whole transaction is lost. */
  readonly run: (isAlone: boolean) => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export class WriteQueue {
  readonly #file: DatabaseSync;
  /** Runs it once the file can be had; rejects when it cannot, or the work fails. */
  readonly #whenFree: (work: () => void) => Promise<void>;
  #waiting: Part[] = [];

  constructor(file: DatabaseSync, whenFree: (work: () => void) => Promise<void>) {
    this.#file = file;
    this.#whenFree = whenFree;
  }

  /** All or nothing, and durable when it resolves. */
  write<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let settle: () => void = () => undefined;
    this.#waiting.push({
      run: (isAlone) => {
        try {
          const result = isAlone ? work() : inSavepoint(this.#file, work);
          settle = () => {
            resolve(result);
          };
        } catch (error) {
          // Some errors end the transaction with all that was in it.
          if (isAlone || !this.#file.isTransaction) throw error;
          settle = () => {
            reject(error);
          };
        }
      },
      settle: () => {
        settle();
      },
      fail: reject,
    });
    if (this.#waiting.length === 1) {
      queueMicrotask(() => {
        this.#flush();
      });
    }
    return promise;
  }

  #flush(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let first = 0; first < all.length; first += partsMax) this.#transact(all.slice(first, first + partsMax));
  }

  #transact(parts: readonly Part[]): void {
    const written = this.#whenFree(() => {
      inTransaction(this.#file, () => {
        for (const part of parts) part.run(parts.length === 1);
      });
    });
    written.then(
      () => {
        for (const { settle } of parts) settle();
      },
      (error: unknown) => {
        for (const { fail } of parts) fail(error);
      },
    );
  }
}
