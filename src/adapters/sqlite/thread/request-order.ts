/**
 * Decides in which order the thread does its work. Writes come first, all that wait in one transaction (at most
 * `transactionWritesMax`), because shards wait for them. Reads follow in slices of `readSliceMs`, after each of which
 * new requests are looked for; so a long list, which comes in pieces, delays a commit by one piece at most. After each
 * transaction the reads that wait have a slice, however many writes have come meanwhile: under load there is always one.
 * A read never misses a write that was acknowledged before it was sent.
 *
 * While another process holds the file, the writes wait with jitter for `lockWaitMs` and reads go on.
 */
import { TroupeError } from '../../../domain/errors.ts';
import { type Database, type Outcome, transactionWritesMax } from '../database/database.ts';
import { lockPollMaxMs, lockWaitMs } from '../database/lock-wait.ts';
import type { ReadName, WriteName } from '../database/operations.ts';
import { isLocked } from '../database/sqlite-error.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { StoreRequest } from './thread-messages.ts';

const readSliceMs = 1;

export interface OrderParts {
  readonly database: Pick<Database, 'write' | 'read'>;
  readonly checkpoints: Pick<Checkpoints, 'written' | 'turn'>;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Adds the requests that have arrived by now. */
  readonly arrivals: () => void;
  readonly answer: (answers: readonly Answer[]) => void;
}

export interface Answer {
  readonly id: number;
  readonly outcome: Outcome;
}

type Write = StoreRequest & { readonly name: WriteName };

interface LockWait {
  readonly untilMs: number;
  againAtMs: number;
}

export class RequestOrder {
  readonly #parts: OrderParts;
  #writes: Write[] = [];
  #reads: StoreRequest[] = [];
  #lockWait: LockWait | undefined;

  constructor(parts: OrderParts) {
    this.#parts = parts;
  }

  add(request: StoreRequest): void {
    if (request.isWrite) this.#writes.push(request as Write);
    else this.#reads.push(request);
  }

  /** Works until nothing is left to do. Returns the time until writes that wait for a lock are to be tried again. */
  run(): number | undefined {
    const { arrivals, checkpoints, nowMs } = this.#parts;
    let isReadTurn = false;
    for (;;) {
      arrivals();
      const mayWrite = this.#writes.length > 0 && nowMs() >= (this.#lockWait?.againAtMs ?? 0);
      if (mayWrite && !(isReadTurn && this.#reads.length > 0)) {
        this.#transact();
        checkpoints.turn(false, nowMs());
        isReadTurn = true;
      } else if (this.#reads.length > 0) {
        this.#readSlice();
        isReadTurn = false;
      } else {
        break;
      }
    }
    checkpoints.turn(this.#writes.length === 0, nowMs());
    return this.#lockWait && Math.max(0, this.#lockWait.againAtMs - nowMs());
  }

  /** Refuses what still waits for a lock. */
  close(): void {
    const error = new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' });
    this.#settle(this.#writes, () => ({ error }));
    this.#writes = [];
    this.#lockWait = undefined;
  }

  #transact(): void {
    const together = this.#writes.slice(0, transactionWritesMax);
    let outcomes: readonly Outcome[];
    try {
      outcomes = this.#parts.database.write(together);
    } catch (error) {
      if (isLocked(error) && this.#waitForLock()) return;
      outcomes = together.map(() => ({ error }));
    }
    this.#lockWait = undefined;
    this.#writes = this.#writes.slice(together.length);
    this.#parts.checkpoints.written(together);
    this.#settle(together, (n) => outcomes[n]);
  }

  /** False if the writes have waited long enough. */
  #waitForLock(): boolean {
    const nowMs = this.#parts.nowMs();
    this.#lockWait ??= { untilMs: nowMs + lockWaitMs, againAtMs: 0 };
    this.#lockWait.againAtMs = nowMs + this.#parts.random() * lockPollMaxMs;
    return nowMs < this.#lockWait.untilMs;
  }

  #readSlice(): void {
    const { database, nowMs } = this.#parts;
    const untilMs = nowMs() + readSliceMs;
    const done: Answer[] = [];
    let at = 0;
    do {
      const request = this.#reads[at];
      if (request === undefined) break;
      at += 1;
      try {
        done.push({ id: request.id, outcome: { value: database.read(request.name as ReadName, request.args) } });
      } catch (error) {
        done.push({ id: request.id, outcome: { error } });
      }
    } while (nowMs() < untilMs);
    this.#reads = this.#reads.slice(at);
    this.#parts.answer(done);
  }

  #settle(requests: readonly StoreRequest[], outcomeOf: (n: number) => Outcome | undefined): void {
    const answers = requests.flatMap(({ id }, n) => {
      const outcome = outcomeOf(n);
      return outcome === undefined ? [] : [{ id, outcome }];
    });
    if (answers.length > 0) this.#parts.answer(answers);
  }
}
