import { expect, it, vi } from 'vitest';
import { deadlineAfter, timeoutMaxMs } from '../../../src/client/deadline.ts';
import { createBackoff } from '../../../src/client/retry.ts';

it.each([
  ['15 s', 15_000, 15_000],
  ['30 days', 30 * 86_400_000, timeoutMaxMs],
  ['for ever', Infinity, timeoutMaxMs],
  ['the largest whole number', Number.MAX_SAFE_INTEGER, timeoutMaxMs],
  ['what is over already', -5, 0],
  ['-Infinity', -Infinity, 0],
])('%s', (_name, timeoutMs, taken) => {
  vi.useFakeTimers({ now: 1_000_000 });
  expect(deadlineAfter(timeoutMs)).toBe(1_000_000 + taken);
  vi.useRealTimers();
});

it.each([NaN, '5000' as unknown as number])('%s is refused by its name', (timeoutMs) => {
  expect(() => deadlineAfter(timeoutMs)).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      outcome: 'none',
      violations: [{ field: 'timeoutMs' }].map((each) => expect.objectContaining(each) as unknown),
    }),
  );
});

it('no pause before another try is longer than a timer can be', () => {
  const backoff = createBackoff({ maxMs: Infinity }, () => 1);
  for (const attempt of [1, 40, 2_000]) {
    expect(backoff.delayMs(attempt, 40 * 86_400_000)).toBe(timeoutMaxMs);
    expect(backoff.delayMs(attempt, 0)).toBeLessThanOrEqual(timeoutMaxMs);
  }
});
