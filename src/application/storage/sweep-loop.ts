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

/** Does a piece of work of a sweep. Its error is noted, and undefined returned, so that it keeps nothing else from going. */
export type GoesOn = <T>(work: () => Promise<T>) => Promise<T | undefined>;

/** Lets a step of a sweep go on past what fails, and then says so once, with the first error. */
export async function pastFailures<T>(
  step: (goesOn: GoesOn) => Promise<T>,
  failed: (first: unknown, failures: number) => void,
): Promise<T> {
  const failures: unknown[] = [];
  const result = await step(async (work) => {
    try {
      return await work();
    } catch (error) {
      failures.push(error);
      return undefined;
    }
  });
  if (failures.length > 0) failed(failures[0], failures.length);
  return result;
}
