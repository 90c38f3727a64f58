/** A clock for a real gateway whose waits would hold a test up. */
import type { Clock } from '../../src/application/ports/runtime.ts';
import { realClock } from './stores.ts';

const speed = 60;
/** Timers up to this long are bounds of what a gateway does. They stay, or a slow machine trips them. */
const boundMaxMs = 5_000;

/** What takes 30 s by this clock takes half a second. */
export const hastyClock: Clock = {
  ...realClock,
  monotonicMs: () => realClock.monotonicMs() * speed,
  setTimer: (delayMs, fire) => realClock.setTimer(delayMs <= boundMaxMs ? delayMs : delayMs / speed, fire),
};
