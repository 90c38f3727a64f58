import { describe, expect, it } from 'vitest';
import { DenialBudget } from '../../../../src/gateway/audit/denial-budget.ts';
import { createManualClock } from '../../application/manual-clock.ts';

describe('the budget of recorded refusals', () => {
  it('is for each scope and reason, and tells the rest once a second', () => {
    const clock = createManualClock();
    const more: unknown[] = [];
    const budget = new DenialBudget(clock, 2, (...told) => more.push(told));
    const taken = (scope: string) => Array.from({ length: 5 }, () => budget.take(scope, 'TOKEN_INVALID'));
    expect(taken('cluster')).toEqual([true, true, false, false, false]);
    expect(taken('__proto__')).toEqual([true, true, false, false, false]);
    expect(budget.take('cluster', 'KEY_REVOKED')).toBe(true);
    expect(more).toEqual([]);
    clock.advance(1_000);
    expect(more).toEqual([
      ['cluster', 'TOKEN_INVALID', 3],
      ['__proto__', 'TOKEN_INVALID', 3],
    ]);
    expect(taken('cluster').filter(Boolean)).toHaveLength(2);
    clock.advance(1_000);
    expect(more).toHaveLength(3);
    clock.advance(10_000);
    expect(more).toHaveLength(3);
  });
});
