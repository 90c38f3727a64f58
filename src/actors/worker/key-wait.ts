/** An attempt whose keys are away waits for them, for a while. Then it is released, which costs the job no attempt. */
import type { Clock } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';

const keyWaitMaxMs = 30_000;
const retryMs = { first: 250, most: 2_000 } as const;

interface Waiting {
  /** Nobody wants the attempt to begin any more. */
  readonly isOver: () => boolean;
  /** Told that it waits, and that it waits no longer; nothing if it is given up. */
  readonly waits: (areAway: boolean) => void;
}

/** Rejects with the error of `work`. */
export async function whileKeysAway<T>(
  clock: Pick<Clock, 'monotonicMs' | 'setTimer'>,
  { isOver, waits }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  const untilMs = clock.monotonicMs() + keyWaitMaxMs;
  for (let tries = 0; ; tries += 1) {
    try {
      const done = await work();
      waits(false);
      return done;
    } catch (error) {
      const isAway = error instanceof TroupeError && error.code === 'ENCRYPTION_UNAVAILABLE';
      if (!isAway || isOver() || clock.monotonicMs() >= untilMs) throw error;
    }
    waits(true);
    const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(tries, 10));
    await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve));
  }
}
