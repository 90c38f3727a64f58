import { expect, it } from 'vitest';
import { someAtOnce } from '../../../src/domain/some-at-once.ts';

it('begins in order, has a bounded number in progress, and resolves when all are done', async () => {
  const begun: number[] = [];
  let [inProgress, most] = [0, 0];
  await someAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    inProgress += 1;
    most = Math.max(most, inProgress);
    for (let turn = 0; turn < item % 3; turn += 1) await Promise.resolve();
    inProgress -= 1;
  });
  expect({ begun, inProgress, most }).toEqual({ begun: [1, 2, 3, 4, 5, 6, 7], inProgress: 0, most: 3 });
});

it('rejects with the first error, and begins no more', async () => {
  const begun: number[] = [];
  const calls = someAtOnce([1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    await Promise.resolve();
    if (item === 2) throw new Error('two');
  });
  await expect(calls).rejects.toThrow('two');
  await Promise.resolve();
  expect(begun).toEqual([1, 2, 3]);
});
