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
