/** The real clock and real chance. Everything else takes them as ports; only the composition root makes them. */
import type { Clock, Random } from '../../application/ports/runtime.ts';
import { SteadyTime } from '../../domain/steady-time.ts';

/** Longer delays would fire at once (Node's timers hold 31 bits), so a long timer is made of several. */
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

/** V8 seeds its generator anew in each process, so nodes started together do not draw alike. Not for secrets. */
export function createSystemRandom(): Random {
  return () => Math.random();
}
