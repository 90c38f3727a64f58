/** An attempt whose keys are away waits for them, for a while. Then it is released, which costs the job no attempt. */
import type { Clock } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';

const keyWaitMaxMs = 30_000;
const retryMs = { first: 250, most: 2_000 } as const;

/** `isOver`: nobody wants the attempt to begin any more. Rejects with the error of `work`. */
export async function whileKeysAway<T>(
  clock: Pick<Clock, 'monotonicMs' | 'setTimer'>,
  isOver: () => boolean,
  work: () => Promise<T>,
): Promise<T> {
  const untilMs = clock.monotonicMs() + keyWaitMaxMs;
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof TroupeError && error.code === 'ENCRYPTION_UNAVAILABLE';
      if (!isAway || isOver() || clock.monotonicMs() >= untilMs) throw error;
    }
    const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(tries, 10));
    await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve));
  }
}
