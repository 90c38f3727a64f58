import { expect, it } from 'vitest';
import { FrameQuota } from '../../../src/gateway/frame-quota.ts';

it('takes a burst, then a rate, and never saves up more than the burst', () => {
  const quota = new FrameQuota({ burst: 3, perSecond: 2 }, 0);
  const taken = (nowMs: number, times: number): readonly boolean[] =>
    Array.from({ length: times }, () => quota.take(nowMs));
  expect(taken(0, 4)).toEqual([true, true, true, false]);
  expect(taken(499, 1)).toEqual([false]);
  expect(taken(1_000, 2)).toEqual([true, false]);
  expect(taken(60_000, 4)).toEqual([true, true, true, false]);
  quota.refill();
  expect(taken(60_000, 4)).toEqual([true, true, true, false]);
});
