/** Whose turn it is when a slot is free. */
import { expect, it } from 'vitest';
import { SlotPool } from '../../../../src/actors/worker/slot-pool.ts';
import { defaultWorkerLimits } from '../../../../src/actors/worker/worker-services.ts';

it('wakes who waits for a slot in turn', () => {
  const slots = new SlotPool({ capacity: () => 1 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  for (const queue of ['a', 'b', 'c']) {
    const wake = (): void => {
      if (slots.reserve(1) !== 1) return;
      turn.took(1);
      woken.push(queue);
    };
    const turn = slots.wait({ tenant: 't', queue }, { wants: () => true, wake });
  }
  for (let n = 0; n < 6; n += 1) {
    slots.changed();
    if (slots.reserved > 0) slots.release(1);
  }
  expect(new Set(woken.slice(0, 3))).toEqual(new Set(['a', 'b', 'c']));
});

it('wakes nobody who wants none: a node may have thousands of idle queues', () => {
  const slots = new SlotPool({ capacity: () => 1 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  for (const queue of ['a', 'b', 'c']) {
    slots.wait({ tenant: 't', queue }, { wants: () => queue === 'b', wake: () => void woken.push(queue) });
  }
  slots.changed();
  expect(woken).toEqual(['b']);
});
