/** Time that can be counted with, whatever somebody does to the wall clock. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { believedAfterMs, SteadyTime } from '../../../src/domain/steady-time.ts';

const startMs = 1_700_000_000_000;
const steps = { 'some seconds': 5_000, 'an hour': 3_600_000, 'a day': 86_400_000 };

function clock() {
  const at = { monotonicMs: 0, steppedMs: 0 };
  const wallMs = (): number => startMs + Math.floor(at.monotonicMs) + at.steppedMs;
  const time = new SteadyTime({ wallMs, monotonicMs: () => at.monotonicMs });
  /** As somebody who looks every second. */
  const wait = (ms: number): number => {
    const untilMs = at.monotonicMs + ms;
    for (; at.monotonicMs + 1_000 < untilMs; at.monotonicMs += 1_000) time.nowMs();
    at.monotonicMs = untilMs;
    return time.nowMs();
  };
  return { at, time, wait, wallMs };
}

describe.each(Object.entries(steps))('a step of the wall clock by %s', (_name, stepMs) => {
  it('forward, taken back within half a minute, was never seen', () => {
    const { at, wait, wallMs } = clock();
    at.steppedMs = stepMs;
    for (let n = 1; n < 20; n += 1) expect(wait(1_500)).toBe(wallMs() - stepMs);
    at.steppedMs = 0;
    expect(wait(1_000)).toBe(wallMs());
  });

  it('forward that stays is followed after half a minute; until then time goes on at its pace', () => {
    const { at, wait, wallMs } = clock();
    at.steppedMs = stepMs;
    expect(wait(1)).toBe(wallMs() - stepMs);
    expect(wait(believedAfterMs - 1)).toBe(wallMs() - stepMs);
    expect(wait(1)).toBe(wallMs());
  });

  it('back is caught up with at half the pace: nothing stands still, nothing goes back', () => {
    const { at, wait, wallMs } = clock();
    at.steppedMs = -stepMs;
    expect(wait(1_000)).toBe(startMs + 500);
    expect(wait(2 * stepMs - 2_000)).toBeGreaterThan(wallMs());
    expect(wait(1_000)).toBe(wallMs());
    expect(wait(10_000)).toBe(wallMs());
  });
});

describe('time', () => {
  it('follows a clock that is slewed, and one that is a little off', () => {
    const { at, wait, wallMs } = clock();
    for (let n = 0; n < 100; n += 1) {
      at.steppedMs += n % 2 === 0 ? 900 : 0;
      expect(wait(10)).toBe(wallMs());
    }
  });

  it('so much of a step is believed as has lasted', () => {
    const { at, wait, wallMs } = clock();
    at.steppedMs = 3_600_000;
    wait(20_000);
    at.steppedMs = 7_200_000;
    expect(wait(9_000)).toBe(wallMs() - 7_200_000);
    expect(wait(2_000)).toBe(wallMs() - 3_600_000);
    expect(wait(32_000)).toBe(wallMs());
  });

  it('of a step that is put right in part, no more is believed than what is left of it', () => {
    const { at, wait, wallMs } = clock();
    at.steppedMs = 3_600_000;
    wait(29_000);
    at.steppedMs = 5_000;
    expect(wait(3_000)).toBe(wallMs());
  });

  it('follows a clock that is stepped forward again and again', () => {
    const { at, wait, wallMs } = clock();
    let behindMs = 0;
    for (let n = 0; n < 360; n += 1) {
      at.steppedMs += 5_000;
      behindMs = Math.max(behindMs, wallMs() - wait(10_000));
    }
    expect(behindMs).toBeLessThanOrEqual(30_000);
  });

  it('whatever the clock does, never goes back, keeps at least half its pace, and in the end is right', () => {
    const step = fc.record({
      waitMs: fc.double({ min: 0, max: 40_000, noNaN: true }),
      stepMs: fc.integer({ min: -86_400_000, max: 86_400_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (given) => {
        const { at, time, wallMs } = clock();
        let beforeMs = time.nowMs();
        for (const { waitMs, stepMs } of given) {
          at.steppedMs += stepMs;
          at.monotonicMs += waitMs;
          const nowMs = time.nowMs();
          expect(nowMs).toBeGreaterThanOrEqual(beforeMs + Math.floor(waitMs / 2) - 1);
          beforeMs = nowMs;
        }
        time.nowMs();
        at.monotonicMs += 4 * 30 * 86_400_000;
        time.nowMs();
        at.monotonicMs += believedAfterMs;
        expect(time.nowMs()).toBe(wallMs());
      }),
    );
  });

  it('raised past what was stamped before converges as after a step back', () => {
    const { time, wait, wallMs } = clock();
    time.raise(startMs + 60_000);
    expect(time.nowMs()).toBe(startMs + 60_000);
    expect(wait(60_000)).toBe(startMs + 90_000);
    expect(wait(60_000)).toBe(wallMs());
    time.raise(startMs);
    expect(time.nowMs()).toBe(wallMs());
  });
});
