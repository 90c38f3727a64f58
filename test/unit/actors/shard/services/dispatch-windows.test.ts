/** How many jobs of a level of a queue may be out: by their starts, and by what a process has out altogether. */
import { describe, expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';

function inUse(count: number): DispatchWindows {
  const windows = new DispatchWindows();
  for (let n = 0; n < count; n += 1) windows.opened();
  return windows;
}

describe('a dispatch window', () => {
  it.each([
    [0, 32],
    [100, 32],
    [1_000, 250],
    [1_000_000, 512],
  ])('at %d starts a second has %d jobs: a quarter of a second of them, within bounds', (perSecond, size) => {
    expect(inUse(1).sizeFor(perSecond)).toBe(size);
  });

  it.each([
    [0, 32],
    [625, 32],
    [1_000, 20],
    [64_000, 2],
  ])('while %d are in use has at least %d jobs', (count, size) => {
    expect(inUse(count).sizeFor(0)).toBe(size);
  });

  it('is wide again once others have closed', () => {
    const windows = inUse(64_000);
    for (let n = 0; n < 64_000; n += 1) windows.closed();
    expect(windows.sizeFor(0)).toBe(32);
  });
});
