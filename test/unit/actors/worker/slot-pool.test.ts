/** Whose turn it is when a slot is free. */
import { expect, it } from 'vitest';
import { SlotPool, type Turn } from '../../../../src/actors/worker/slot-pool.ts';
import { defaultWorkerLimits } from '../../../../src/actors/worker/worker-services.ts';

/** Waits for slots as a route of this queue. When it is woken it takes one, and notes it. */
function waiter(slots: SlotPool, queue: string, woken: string[], answers = true): Turn {
  let isWoken = false;
  const turn = slots.wait(
    { tenant: 't', queue },
    {
      wants: () => !isWoken,
      wake() {
        isWoken = answers;
        woken.push(queue);
        if (answers && slots.reserve(1) === 1) turn.took(1);
        isWoken = false;
        return answers;
      },
    },
  );
  return turn;
}

it('wakes who waits for a slot in turn, one for each that is free', () => {
  const slots = new SlotPool({ capacity: () => 1 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  for (const queue of ['a', 'b', 'c']) waiter(slots, queue, woken).waits();
  slots.changed();
  expect(woken).toHaveLength(1);
  for (let n = 0; n < 5; n += 1) slots.release(1);
  expect(woken).toHaveLength(6);
  expect(new Set(woken.slice(0, 3))).toEqual(new Set(['a', 'b', 'c']));
});

it('wakes nobody who rests: a node may have thousands of idle queues', () => {
  const slots = new SlotPool({ capacity: () => 3 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  for (const queue of ['a', 'b', 'c']) {
    const turn = waiter(slots, queue, woken);
    turn.waits();
    if (queue !== 'b') turn.rests();
  }
  slots.changed();
  expect(woken).toEqual(['b']);
});

it('wakes the next if one does not hear it, and nobody twice in vain', () => {
  const slots = new SlotPool({ capacity: () => 1 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  waiter(slots, 'deaf', woken, false).waits();
  waiter(slots, 'other', woken, false).waits();
  waiter(slots, 'hears', woken).waits();
  slots.changed();
  expect(woken.toSorted()).toEqual(['deaf', 'hears', 'other']);
  expect(slots.reserved).toBe(1);
});

it('wakes all when it closes, also those that rest', () => {
  const slots = new SlotPool({ capacity: () => 0 }, () => 0, defaultWorkerLimits);
  const woken: string[] = [];
  const left = waiter(slots, 'left', woken);
  for (const queue of ['a', 'b']) waiter(slots, queue, woken);
  left.leave();
  slots.close();
  expect(woken).toEqual(['a', 'b']);
});
