import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addWeights, DurationHistogram, quantileMs, totalOf } from '../../../src/domain/duration-histogram.ts';

const durations = fc.array(fc.integer({ min: 1, max: 7 * 86_400_000 }), { minLength: 1, maxLength: 200 });

function filled(values: readonly number[], nowMs = 0): DurationHistogram {
  const histogram = new DurationHistogram();
  for (const value of values) histogram.observe(value, nowMs);
  return histogram;
}

describe('a histogram of durations', () => {
  it('has quantiles within a fifth of the truth', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const sorted = [...values].sort((one, other) => one - other);
        const truth = sorted[Math.max(0, Math.ceil(share * values.length) - 1)] ?? NaN;
        const found = quantileMs(filled(values).weights(0), share) ?? NaN;
        expect(found).toBeGreaterThan(truth / 1.2);
        expect(found).toBeLessThan(truth * 1.2);
      }),
    );
  });

  it('has quantiles that grow with the share', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const weights = filled(values).weights(0);
        const quantiles = [0, 0.1, 0.5, 0.9, 0.99, 1].map((share) => quantileMs(weights, share) ?? NaN);
        expect(quantiles).toEqual([...quantiles].sort((one, other) => one - other));
      }),
    );
  });

  it('is merged as if all had been seen by one', () => {
    fc.assert(
      fc.property(durations, durations, (ones, others) => {
        const merged = addWeights(filled(ones).weights(0), filled(others).weights(0));
        expect(merged).toEqual(filled([...ones, ...others]).weights(0));
      }),
    );
  });

  it('lets old observations fade, and forgets them in the end', () => {
    const histogram = filled(Array.from({ length: 100 }, () => 10));
    for (let at = 0; at < 100; at += 1) histogram.observe(10_000, 1_500_000);
    expect(quantileMs(histogram.weights(1_500_000), 0.1)).toBeGreaterThan(5_000);
    expect(totalOf(histogram.weights(1_500_000))).toBeCloseTo(100 + 100 * Math.exp(-5), 1);
    expect(histogram.isCold(1_500_000)).toBe(false);
    expect(histogram.isCold(5_000_000)).toBe(true);
    expect(histogram.weights(5_000_000)).toEqual([]);
    expect(quantileMs([], 0.5)).toBeUndefined();
  });

  it('keeps its weights finite for years, wherever the clock goes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double(), fc.integer({ min: 0, max: 1e11 }))), (events) => {
        const histogram = new DurationHistogram();
        for (const [durationMs, nowMs] of events) {
          histogram.observe(Number.isNaN(durationMs) ? 0 : durationMs, nowMs);
          const total = totalOf(histogram.weights(nowMs));
          expect(total).toBeGreaterThan(0.99);
          expect(total).toBeLessThanOrEqual(events.length + 0.1);
        }
      }),
    );
  });
});
