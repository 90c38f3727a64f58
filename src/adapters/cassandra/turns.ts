/**
 * Conditional writes of one process to the same row take turns: as rivals, all but one would lose each round, and the
 * losers starve. Rivals in other processes remain, one for each process.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';

/** Further calls are refused with OVERLOADED: their turn would not come in time. */
const waitingMax = 200;
/** A call that has waited for longer is refused with STORE_UNAVAILABLE: the store hangs, and its caller has gone. */
const waitMaxMs = 10_000;

export type InTurn = <T>(run: () => Promise<T>) => Promise<T>;

export function createTurns(clock: Pick<Clock, 'monotonicMs'>): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (run) => {
    if (waiting >= waitingMax) throw new TroupeError('OVERLOADED');
    const sinceMs = clock.monotonicMs();
    waiting += 1;
    const turn = last.then(() => {
      waiting -= 1;
      if (clock.monotonicMs() - sinceMs > waitMaxMs) throw new TroupeError('STORE_UNAVAILABLE');
      return run();
    });
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Turns of their own for each key. Keys are held only while somebody has or awaits a turn. */
export function createKeyedTurns(
  clock: Pick<Clock, 'monotonicMs'>,
): <T>(key: string, run: () => Promise<T>) => Promise<T> {
  const turns = new Map<string, { readonly inTurn: InTurn; callers: number }>();
  return async (key, run) => {
    const entry = turns.get(key) ?? { inTurn: createTurns(clock), callers: 0 };
    turns.set(key, entry);
    entry.callers += 1;
    try {
      return await entry.inTurn(run);
    } finally {
      entry.callers -= 1;
      if (entry.callers === 0) turns.delete(key);
    }
  };
}
