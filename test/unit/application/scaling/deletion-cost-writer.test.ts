// What Kubernetes is told of a pod: by its runs, seldom, and whatever happens the node goes on.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../../../../src/application/ports/runtime.ts';
import { keepDeletionCost, lookEveryMs } from '../../../../src/application/scaling/deletion-cost-writer.ts';
import { deletionCost } from '../../../../src/domain/deletion-cost.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

describe('the cost of a pod', () => {
  it('is 0 when idle, 100 when full, never falls with more runs, and has few steps', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 128 }), (runs, slots) => {
        const cost = deletionCost(runs, slots);
        expect(cost === 0).toBe(runs === 0);
        expect(cost === 100).toBe(runs > 0.9 * slots);
        expect(cost % 10).toBe(0);
        expect(deletionCost(runs + 1, slots)).toBeGreaterThanOrEqual(cost);
      }),
    );
    expect(deletionCost(0, 0)).toBe(0);
  });
});

describe('the keeper of the cost', () => {
  let clock: ManualClock;
  let runs: number;
  let refuse: boolean;
  let told: number[];
  let logged: string[];
  let stop: () => void;

  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }

  beforeEach(async () => {
    [clock, runs, refuse, told, logged] = [createManualClock(), 0, false, [], []];
    const note = (_fields: unknown, message: string): void => void logged.push(message);
    const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
    const setDeletionCost = async (cost: number): Promise<void> => {
      if (refuse) throw new Error('403');
      told.push(cost);
    };
    stop = keepDeletionCost({ pod: { setDeletionCost }, runs: () => runs, slots: 10, clock, log });
    await pass(0);
  });

  it('tells at the start, then at most every 10 s, and only what is new', async () => {
    expect(told).toEqual([0]);
    runs = 5;
    await pass(lookEveryMs - 1);
    expect(told).toEqual([0]);
    await pass(1);
    expect(told).toEqual([0, 50]);
    for (let n = 0; n < 5; n += 1) await pass(lookEveryMs);
    expect(told).toEqual([0, 50]);
    expect(clock.timers()).toBe(1);
  });

  it('tries again after a failure, and logs it once until it is over', async () => {
    refuse = true;
    runs = 10;
    for (let n = 0; n < 3; n += 1) await pass(lookEveryMs);
    expect(logged).toEqual(['deletion cost of the pod not updated; it is retried without further log lines']);
    refuse = false;
    await pass(lookEveryMs);
    expect(told).toEqual([0, 100]);
    expect(logged).toHaveLength(2);
  });

  it('ends', async () => {
    stop();
    runs = 10;
    await pass(10 * lookEveryMs);
    expect(told).toEqual([0]);
    expect(clock.timers()).toBe(0);
  });
});
