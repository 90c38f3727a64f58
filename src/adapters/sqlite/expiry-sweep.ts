/**
 * Sweeps expired rows step by step. The sweep is never urgent: it pauses between two steps, and rests when nothing is
 * left.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { StoreLink } from './link/store-link.ts';

/** Pause between two steps. */
export const sweepPauseMs = 100;
/** Rest after the last step. */
const restMs = 60_000;

/** Sweeps until the returned function is called. */
export function startExpirySweep(link: StoreLink, clock: Clock, log: Logger): () => void {
  let stopped = false;
  let cancel: () => void = () => undefined;
  const again = (delayMs: number): void => {
    if (!stopped) cancel = clock.setTimer(delayMs, tick);
  };
  const tick = (): void => {
    link.write('sweep', clock.nowMs()).then(
      (more) => again(more ? sweepPauseMs : restMs),
      (error: unknown) => {
        if (!stopped) log.warn({ err: error }, 'sweep of expired rows failed; it is retried');
        again(restMs);
      },
    );
  };
  again(sweepPauseMs);
  return () => {
    stopped = true;
    cancel();
  };
}
