/**
 * The database in place: operations run in the caller's thread, reads at once and the writes of a turn in one
 * transaction. Nothing real has to be waited for, so tests in virtual time stand on it.
 */
import { TroupeError } from '../../../domain/errors.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import { Database, type Outcome, transactionWritesMax, type WriteCall } from '../database/database.ts';
import type { DatabaseFileOptions } from '../database/database-file.ts';
import { lockPollMaxMs, lockWaitMs } from '../database/lock-wait.ts';
import { isLocked } from '../database/sqlite-error.ts';
import type { StoreLink } from './store-link.ts';

interface WaitingWrite {
  readonly call: WriteCall;
  readonly settle: (outcome: Outcome) => void;
}

export function createInlineLink(options: DatabaseFileOptions, clock: Clock): StoreLink {
  const database = new Database(options);
  let waiting: WaitingWrite[] = [];

  /** A write may still wait for the lock when the database is closed. */
  const whileOpen = <T>(work: () => T): Promise<T> =>
    whileLocked(clock, () => {
      if (!database.isOpen) throw new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' });
      return work();
    });
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let first = 0; first < all.length; first += transactionWritesMax) {
      const together = all.slice(first, first + transactionWritesMax);
      whileOpen(() => database.write(together.map(({ call }) => call))).then(
        (outcomes) => {
          for (const [n, outcome] of outcomes.entries()) together[n]?.settle(outcome);
        },
        (error: unknown) => {
          for (const { settle } of together) settle({ error });
        },
      );
    }
  };
  return {
    schema: database.schema,
    write(name, ...args) {
      const { promise, resolve, reject } = Promise.withResolvers<never>();
      const settle = (outcome: Outcome): void => {
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.value as never);
      };
      waiting.push({ call: { name, args }, settle });
      if (waiting.length === 1) queueMicrotask(flush);
      return promise;
    },
    read: (name, ...args) => whileOpen(() => database.read(name, args) as never),
    async close() {
      database.close();
    },
  };
}

/** Repeats `attempt` while another process holds the file. The lock was not granted, so nothing was done. */
async function whileLocked<T>(clock: Clock, attempt: () => T): Promise<T> {
  const deadlineMs = clock.monotonicMs() + lockWaitMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isLocked(error) || clock.monotonicMs() > deadlineMs) throw error;
    }
    await new Promise<void>((resolve) => clock.setTimer(Math.random() * lockPollMaxMs, resolve));
  }
}
