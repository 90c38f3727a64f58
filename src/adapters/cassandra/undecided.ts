/**
 * Conditional writes that are safe to attempt again, because each attempt first reads, serially, what is there. A round
 * that lost against another, and one whose outcome is unknown, are both simply looked at again.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';

const attemptsMax = 30;
const firstDelayMs = 2;
const delayMaxMs = 100;

/** `attempt` answers undefined when it is not decided yet. */
export async function repeatUndecided<T>(clock: Clock, attempt: () => Promise<T | undefined>): Promise<T> {
  let last: unknown;
  for (let n = 0; n < attemptsMax; n += 1) {
    try {
      const decided = await attempt();
      if (decided !== undefined) return decided;
    } catch (error) {
      // Anything but an unknown outcome is the caller's to handle: a store that is away stays away for longer than this.
      if (!(error instanceof TroupeError) || error.code !== 'OUTCOME_UNKNOWN') throw error;
      last = error;
    }
    // Full jitter, so that rivals do not meet again.
    const delayMs = Math.random() * Math.min(delayMaxMs, firstDelayMs * 2 ** n);
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
  }
  throw new TroupeError('OUTCOME_UNKNOWN', { message: 'too many others write the same row', cause: last });
}
