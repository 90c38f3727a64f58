import { expect, it } from 'vitest';
import { RecentFindings } from '../../../../src/domain/access/recent-findings.ts';

it('what was found out about credentials is forgotten after its time, and the oldest beyond 10,000', () => {
  let nowMs = 0;
  const found = new RecentFindings<number>(() => nowMs, 60_000);
  for (let n = 0; n <= 10_000; n += 1) found.put(`credential ${n}`, n, 0);
  expect([found.get('credential 0'), found.get('credential 1')]).toEqual([undefined, 1]);
  nowMs = 60_000;
  expect(found.get('credential 1')).toBeUndefined();
  // It took 20 s to find out.
  found.put('credential 1', 1, 40_000);
  nowMs = 99_999;
  expect(found.get('credential 1')).toBe(1);
  nowMs = 100_000;
  expect(found.get('credential 1')).toBeUndefined();
});
