/**
 * Combines writes that are requested in the same turn of the event loop into one transaction, so that they share one
 * wait for the disk. The shards of a process often commit at the same time. Each write is a part that can fail on its
 * own. If the transaction itself fails, all of its parts fail.
 */
import type { DatabaseSync } from 'node:sqlite';
import { inSavepoint, inTransaction } from './transaction.ts';

/** Most parts of one transaction. The file is locked while they run. */
const partsMax = 16;

interface Part {
  /** Runs the part and keeps its outcome for `settle`. Throws if the whole transaction is lost. */
  readonly run: (isAlone: boolean) => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

export class WriteQueue {
  readonly #file: DatabaseSync;
  /** Runs the work when the file is free. Rejects if the file stays locked or the work fails. */
  readonly #whenFree: (work: () => void) => Promise<void>;
  #waiting: Part[] = [];

  constructor(file: DatabaseSync, whenFree: (work: () => void) => Promise<void>) {
    this.#file = file;
    this.#whenFree = whenFree;
  }

  /** Atomic, and durable when it resolves. */
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
          // Some errors roll back the whole transaction, and then no part has an outcome of its own.
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
