// Which attempts count as slow: the slowest thousandth of a handler, once enough are known.
import { expect, it } from 'vitest';
import { SlowRuns } from '../../../../src/application/traces/slow-runs.ts';

it('nothing is slow before enough is known, then what takes longer than nearly all', () => {
  const slow = new SlowRuns();
  let kept = 0;
  for (let n = 0; n < 1_000; n += 1) kept += Number(slow.isSlow('h', 10 + (n % 7), 1));
  expect(slow.isSlow('other', 60_000, 2_000)).toBe(false);
  expect(kept).toBe(0);
  expect(slow.isSlow('h', 12, 2_000)).toBe(false);
  expect(slow.isSlow('h', 400, 2_001)).toBe(true);
});

it('a handler that gets slower has another limit soon', () => {
  const slow = new SlowRuns();
  for (let n = 0; n < 1_000; n += 1) slow.isSlow('h', 10, 1);
  expect(slow.isSlow('h', 200, 1_500)).toBe(true);
  for (let n = 0; n < 5_000; n += 1) slow.isSlow('h', 200, 1_600);
  expect(slow.isSlow('h', 200, 3_000)).toBe(false);
});

it('handlers beyond the first 200 share a place, whatever they are called', () => {
  const slow = new SlowRuns();
  for (let n = 0; n < 200; n += 1) slow.isSlow(`h${n}`, 1, 1);
  for (const name of ['toString', '__proto__', 'constructor'])
    for (let n = 0; n < 400; n += 1) slow.isSlow(name, 10, 1);
  expect(slow.isSlow('one more', 500, 2_000)).toBe(true);
});
