/** Repeats a bounded step of a sweep for as long as there is more to do, then rests. */
import type { Clock } from '../ports/runtime.ts';

export interface SweepLoop {
  /** Resolves with true if there may be more. */
  readonly step: () => Promise<boolean>;
  readonly clock: Clock;
  readonly pauseMs: number;
  readonly restMs: number;
  readonly failed: (error: unknown) => void;
}

/** Sweeps until the returned function is called. A step that fails is repeated after a rest. */
export function startSweepLoop({ step, clock, pauseMs, restMs, failed }: SweepLoop): () => void {
  let stopped = false;
  let cancel: () => void = () => undefined;
  const again = (delayMs: number): void => {
    if (!stopped) cancel = clock.setTimer(delayMs, tick);
  };
  const tick = (): void => {
    step().then(
      (more) => again(more ? pauseMs : restMs),
      (error: unknown) => {
        if (!stopped) failed(error);
        again(restMs);
      },
    );
  };
  again(pauseMs);
  return () => {
    stopped = true;
    cancel();
  };
}
