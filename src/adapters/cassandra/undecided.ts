/**
 * Repeats conditional writes. This is safe because each attempt first reads serially what is there. So an attempt that
 * lost against another writer and an attempt with an unknown outcome are both resolved by the next read.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';

const attemptsMax = 30;
const firstDelayMs = 2;
const delayMaxMs = 100;

/** `attempt` resolves with undefined while the outcome is not decided. */
export async function repeatUndecided<T>(clock: Clock, attempt: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  for (let n = 0; n < attemptsMax; n += 1) {
    try {
      const decided = await attempt();
      if (decided !== undefined) return decided;
    } catch (error) {
      // The caller handles every other error. A store that is unavailable stays so for longer than these attempts take.
      if (!(error instanceof TroupeError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
      last = error;
    }
    // Full jitter, so that rival writers do not collide again.
    const delayMs = Math.random() * Math.min(delayMaxMs, firstDelayMs * 2 ** n);
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
  }
  throw new TroupeError('OUTCOME_UNKNOWN', { message: 'too many concurrent writes to the same row', cause: last });
}
