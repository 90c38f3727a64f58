/** A reproducible random source: the same seed gives the same numbers (mulberry32). */
import type { Random } from '../../application/ports/runtime.ts';

/** Creates a source of numbers from 0 (included) to 1 (excluded). Only the low 32 bits of `seed` count. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
