/** Whose turn it is when a slot is free. */
import { describe, expect, it } from 'vitest';
import { SlotPool, type Turn } from '../../../../src/actors/worker/slot-pool.ts';
import { defaultWorkerLimits } from '../../../../src/actors/worker/worker-services.ts';
import { createVirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';

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

describe('tenants', () => {
  const jobMs = 100;

  /** A node whose tenants have as many jobs as they are told to have. */
  class Flooded {
    readonly #clock = createVirtualClock();
    readonly slots: SlotPool;
    readonly starts = new Map<string, number>();
    readonly #waiting = new Map<string, { jobs: number; readonly turn: Turn }>();
    #running = 0;

    constructor(threads: number) {
      const capacity = (): number => threads - this.#running;
      this.slots = new SlotPool({ capacity }, () => this.#clock.monotonicMs(), defaultWorkerLimits);
    }

    submit(tenant: string, jobs: number): void {
      const own = this.#waiting.get(tenant) ?? { jobs: 0, turn: this.#join(tenant) };
      this.#waiting.set(tenant, own);
      own.jobs += jobs;
      own.turn.waits();
      this.slots.changed();
    }

    #join(tenant: string): Turn {
      const wake = (): boolean => this.#start(tenant);
      return this.slots.wait({ tenant, queue: 'default' }, { wants: () => true, wake });
    }

    #start(tenant: string): boolean {
      const own = this.#waiting.get(tenant);
      if (own === undefined || own.jobs === 0 || this.slots.reserve(1) === 0) return false;
      own.jobs -= 1;
      own.turn.took(1);
      if (own.jobs === 0) own.turn.rests();
      this.starts.set(tenant, (this.starts.get(tenant) ?? 0) + 1);
      this.#running += 1;
      this.slots.release(1);
      this.#clock.setTimer(jobMs, () => {
        this.#running -= 1;
        this.slots.changed();
      });
      return true;
    }

    /** What each tenant starts in this time. */
    run(ms: number): Record<string, number> {
      this.starts.clear();
      const untilMs = this.#clock.monotonicMs() + ms;
      while (this.#clock.monotonicMs() < untilMs) this.#clock.step(this.#clock.monotonicMs() + jobMs);
      return Object.fromEntries(this.starts);
    }
  }

  it('share by weight while all wait: 1 to 3', () => {
    const node = new Flooded(4);
    node.slots.weigh('heavy', 3);
    node.submit('light', 10_000);
    node.submit('heavy', 10_000);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ light: 100, heavy: 300 });
  });

  it('follow a weight that changes while all wait, also back to that of everybody', () => {
    const node = new Flooded(4);
    for (const tenant of ['a', 'b']) node.submit(tenant, 10_000);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ a: 200, b: 200 });
    node.slots.weigh('b', 3);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ a: 100, b: 300 });
    node.slots.weigh('b', 1);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ a: 200, b: 200 });
  });

  it('have all of the node while nobody else waits, and save nothing up by idling', () => {
    const node = new Flooded(4);
    node.slots.weigh('heavy', 100);
    node.submit('heavy', 4);
    node.submit('light', 10_000);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ light: 400 });
    node.slots.weigh('heavy', 3);
    node.submit('heavy', 10_000);
    node.run(1_000);
    expect(node.run(10_000)).toEqual({ light: 100, heavy: 300 });
  });

  it('have the weights that they got before they had a route', () => {
    const node = new Flooded(4);
    for (const name of ['toString', '__proto__']) node.slots.weigh(name, 2);
    for (const name of ['toString', '__proto__', 'default']) node.submit(name, 10_000);
    node.run(1_000);
    node.run(10_000);
    expect(node.starts).toEqual(
      new Map([
        ['toString', 160],
        ['__proto__', 160],
        ['default', 80],
      ]),
    );
  });

  it('are 1,000 if need be, each with its share', () => {
    const node = new Flooded(100);
    for (let n = 0; n < 1_000; n += 1) {
      node.slots.weigh(`t${n}`, 1 + (n % 3));
      node.submit(`t${n}`, 1_000);
    }
    node.run(2_000);
    const starts = Object.values(node.run(20 * jobMs * 10)).toSorted((one, other) => one - other);
    expect(starts).toHaveLength(1_000);
    expect(starts[0]).toBeGreaterThanOrEqual(9);
    expect(starts.at(-1)).toBeLessThanOrEqual(31);
  });
});
