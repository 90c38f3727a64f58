import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateMeter } from '../../../src/domain/rate-meter.ts';

describe('a rate meter', () => {
  it('reads a steady rate as it is, however long it has watched', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 2_000 }), fc.integer({ min: 50, max: 5_000 }), (gapMs, events) => {
        const meter = new RateMeter();
        for (let event = 0; event < events; event += 1) meter.add(event * gapMs);
        const watchedMs = Math.max(1_000, events * gapMs);
        const expected = (1_000 / gapMs) * Math.min(1, (events * gapMs) / watchedMs);
        const rate = meter.perSecond(events * gapMs);
        expect(rate).toBeGreaterThan(expected * 0.9);
        expect(rate).toBeLessThan(expected * 1.1);
      }),
    );
  });

  it('follows a new rate within minutes', () => {
    const meter = new RateMeter();
    for (let second = 0; second < 300; second += 1) meter.add(second * 1_000, 100);
    for (let second = 300; second < 900; second += 1) meter.add(second * 1_000, 10);
    expect(meter.perSecond(900_000)).toBeCloseTo(10, 0);
  });

  it('fades when nothing happens, and is cold in the end', () => {
    const meter = new RateMeter();
    expect(meter.isCold(0)).toBe(true);
    meter.add(0);
    expect(meter.perSecond(0)).toBeLessThan(1.1);
    let before = meter.perSecond(0);
    for (let nowMs = 10_000; nowMs < 270_000; nowMs += 10_000) {
      expect(meter.perSecond(nowMs)).toBeLessThan(before);
      before = meter.perSecond(nowMs);
    }
    expect(meter.isCold(270_000)).toBe(false);
    expect(meter.isCold(280_000)).toBe(true);
    expect(meter.perSecond(280_000)).toBe(0);
  });

  it('is never negative, infinite or not a number, wherever the clock goes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 1e9 }), fc.nat(1_000))), (events) => {
        const meter = new RateMeter();
        for (const [nowMs, count] of events) {
          meter.add(nowMs, count);
          expect(meter.perSecond(nowMs)).toSatisfy((rate) => Number.isFinite(rate) && (rate as number) >= 0);
        }
      }),
    );
  });
});
