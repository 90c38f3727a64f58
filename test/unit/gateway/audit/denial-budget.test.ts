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

  it('counts for the cluster what is of more scopes than it can tell apart', () => {
    const clock = createManualClock();
    const more: unknown[] = [];
    const budget = new DenialBudget(clock, 2, (...told) => more.push(told));
    for (let n = 0; n < 10_000; n += 1) expect(budget.take(`tenant/${n}`, 'TOKEN_INVALID')).toBe(true);
    for (let n = 0; n < 3; n += 1) expect(budget.take(`tenant/late-${n}`, 'TOKEN_INVALID')).toBe(false);
    clock.advance(1_000);
    expect(more).toEqual([['cluster', 'TOKEN_INVALID', 3]]);
    expect(budget.take('tenant/late-1', 'TOKEN_INVALID')).toBe(true);
  });
});
