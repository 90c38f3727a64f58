/**
 * The real clock and source of randomness. All other code takes them as ports, and only the composition root creates
 * them.
 */
import type { Clock, Random } from '../../application/ports/runtime.ts';
import { SteadyTime } from '../../domain/steady-time.ts';

/** Node's timers hold 31 bits and fire at once if the delay is longer. So a long timer is made of several. */
const longestDelayMs = 2 ** 31 - 1;

function setLongTimer(delayMs: number, fire: () => void): () => void {
  let handle: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const stepMs = Math.min(Math.max(remainingMs, 0), longestDelayMs);
    handle = setTimeout(() => {
      if (remainingMs > stepMs) arm(remainingMs - stepMs);
      else fire();
    }, stepMs);
  };
  arm(delayMs);
  return () => {
    clearTimeout(handle);
  };
}

export function createSystemClock(): Clock {
  const wallMs = (): number => Date.now();
  const monotonicMs = (): number => performance.now();
  const time = new SteadyTime({ wallMs, monotonicMs });
  return { nowMs: () => time.nowMs(), wallMs, monotonicMs, setTimer: setLongTimer };
}

/**
 * Random numbers from 0 up to 1, not for secrets. V8 seeds the generator anew in each process, so nodes that start
 * together draw different numbers.
 */
export function createSystemRandom(): Random {
  return () => Math.random();
}
