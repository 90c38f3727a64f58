/** Long work of a recovery leaves the loop to others, however many jobs there are. */
import { expect, it } from 'vitest';
import { inSlices, sliceJobs } from '../../../../../src/actors/shard/core/slices.ts';
import type { SlicedWork } from '../../../../../src/domain/sliced-work.ts';

it('is paused each time that as much was done as a slice may have', async () => {
  let [done, since, most, pauses] = [0, 0, 0, 0];
  function* work(): SlicedWork {
    for (; done < 20; done += 1) {
      since += sliceJobs / 4;
      most = Math.max(most, since);
      yield sliceJobs / 4;
    }
  }
  const setTimer = (delayMs: number, fire: () => void): (() => void) => {
    expect(delayMs).toBe(0);
    pauses += 1;
    since = 0;
    queueMicrotask(fire);
    return () => undefined;
  };
  await inSlices({ setTimer }, work());
  expect({ done, most, pauses }).toEqual({ done: 20, most: sliceJobs, pauses: 5 });
});
