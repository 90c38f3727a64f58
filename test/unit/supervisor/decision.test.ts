/** The pure part of supervision: who goes down together, how many restarts are too many, how long a pause. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addRestart,
  affectedBy,
  backoffDelayMs,
  directiveFor,
  type DecisionRules,
  type RestartHistory,
} from '../../../src/supervisor/index.ts';

describe('intensity', () => {
  test('maxRestarts are granted, one more within the window is not, and the window slides', () => {
    const intensity = { maxRestarts: 2, windowMs: 100 };
    const two = addRestart(addRestart([], intensity, 0) ?? [], intensity, 50) ?? [];
    expect(two).toEqual([0, 50]);
    expect(addRestart(two, intensity, 100)).toBeUndefined(); // as old as the window still counts
    expect(addRestart(two, intensity, 101)).toEqual([50, 101]);
  });

  test('0 grants none', () => {
    expect(addRestart([], { maxRestarts: 0, windowMs: 100 }, 0)).toBeUndefined();
  });

  test('whatever comes when: never more than maxRestarts in any window, and no refusal without that many', () => {
    const property = fc.property(
      fc.array(fc.nat(60), { maxLength: 100, size: 'max' }),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 1, max: 100 }),
      (gaps, maxRestarts, windowMs) => {
        const intensity = { maxRestarts, windowMs };
        const granted: number[] = [];
        let history: RestartHistory = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          const inWindow = granted.filter((at) => at >= nowMs - windowMs).length;
          const next = addRestart(history, intensity, nowMs);
          expect(next !== undefined).toBe(inWindow < maxRestarts);
          if (next === undefined) continue;
          history = next;
          granted.push(nowMs);
          expect(history.length).toBeLessThanOrEqual(maxRestarts);
        }
      },
    );
    fc.assert(property);
  });
});

describe('decide', () => {
  const rules = (
    restart: DecisionRules['restart'],
    onExhausted: DecisionRules['onExhausted'] = 'escalate',
  ): DecisionRules => ({
    restart,
    onExhausted,
    intensity: { maxRestarts: 1, windowMs: 100 },
  });
  const cases = [
    ['permanent', true, 'restart'],
    ['permanent', false, 'restart'],
    ['transient', true, 'restart'],
    ['transient', false, 'retire'],
    ['temporary', true, 'forget'],
    ['temporary', false, 'forget'],
  ] as const;

  test.each(cases)('%s, failed %s: %s', (restart, failed, directive) => {
    expect(directiveFor(rules(restart), [], { failed }, 0).kind).toBe(directive);
  });

  test('past the intensity: escalate or suspend, but a temporary child touches no budget', () => {
    expect(directiveFor(rules('permanent'), [0], { failed: true }, 50)).toEqual({ kind: 'escalate' });
    expect(directiveFor(rules('permanent', 'suspend'), [0], { failed: true }, 50)).toEqual({ kind: 'suspend' });
    expect(directiveFor(rules('transient'), [0], { failed: false }, 50)).toEqual({ kind: 'retire' });
    expect(directiveFor(rules('temporary'), [0], { failed: true }, 50)).toEqual({ kind: 'forget' });
    expect(directiveFor(rules('permanent'), [0], { failed: true }, 101)).toEqual({ kind: 'restart', history: [101] });
  });
});

test('strategies take down the one, all, or the one and those after it', () => {
  const children = ['a', 'b', 'c'];
  expect(affectedBy('one-for-one', children, 'b')).toEqual(['b']);
  expect(affectedBy('one-for-all', children, 'b')).toEqual(['a', 'b', 'c']);
  expect(affectedBy('rest-for-one', children, 'b')).toEqual(['b', 'c']);
});

describe('backoff', () => {
  test('doubles up to its maximum', () => {
    const backoff = { initialMs: 200, maxMs: 1_000, jitter: 0 };
    expect([1, 2, 3, 4, 1_000_000].map((failures) => backoffDelayMs(backoff, failures, () => 0.9))).toEqual([
      200, 400, 800, 1_000, 1_000,
    ]);
  });

  test('jitter stays within its share and below the maximum', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const property = fc.property(fc.integer({ min: 1, max: 40 }), unit, unit, (failures, jitter, chance) => {
      const exact = backoffDelayMs({ initialMs: 100, maxMs: 5_000, jitter: 0 }, failures, () => chance);
      const delay = backoffDelayMs({ initialMs: 100, maxMs: 5_000, jitter }, failures, () => chance);
      expect(delay).toBeLessThanOrEqual(Math.min(5_000, exact * (1 + jitter)) + 1e-6);
      expect(delay).toBeGreaterThanOrEqual(exact * (1 - jitter) - 1e-6);
    });
    fc.assert(property);
  });
});
