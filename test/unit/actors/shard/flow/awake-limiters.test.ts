/** Which limiters a tick looks at. */
import { describe, expect, it } from 'vitest';
import { AwakeLimiters } from '../../../../../src/actors/shard/flow/awake-limiters.ts';
import type { QueueLimiter } from '../../../../../src/actors/shard/flow/queue-limiter.ts';

function limitersOf(count: number) {
  const limiters = Array.from({ length: count }, (_, no) => ({ no }) as unknown as QueueLimiter);
  const world = { fleet: 1, isTight: false };
  const awake = new AwakeLimiters({
    all: new Map(limiters.entries()),
    fleetState: () => world.fleet,
    isTight: () => world.isTight,
  });
  /** All looks of a tick. They rest unless they stay awake. */
  const tick = (staysAwake: ReadonlySet<QueueLimiter> = new Set()): Set<QueueLimiter> => {
    const looked = new Set<QueueLimiter>();
    awake.tick();
    do {
      for (const limiter of awake.looks()) {
        looked.add(limiter);
        if (!staysAwake.has(limiter)) awake.rests(limiter);
      }
    } while (awake.areDue);
    return looked;
  };
  return { limiters, world, awake, tick };
}

describe('a tick', () => {
  it('looks at the limiters that are awake, and at few of those at rest', () => {
    const { limiters, awake, tick } = limitersOf(1_600);
    expect(tick().size).toBe(1_600);
    const woken = new Set(limiters.slice(-3));
    for (const limiter of woken) awake.wake(limiter);
    const looked = tick(woken);
    expect([...woken].every((limiter) => looked.has(limiter))).toBe(true);
    expect(looked.size).toBeLessThanOrEqual(103);
    expect([...awake]).toEqual([...woken]);
  });

  it('looks at each limiter once in a while', () => {
    const { limiters, tick } = limitersOf(99);
    tick();
    const looked = new Set<QueueLimiter>();
    for (let ticks = 0; ticks < 20; ticks += 1) for (const limiter of tick()) looked.add(limiter);
    expect(looked.size).toBe(limiters.length);
  });

  it('looks at all when nodes came or went, or memory became tight', () => {
    const { limiters, world, tick } = limitersOf(1_000);
    tick();
    world.fleet += 1;
    expect(tick().size).toBe(limiters.length);
    world.isTight = true;
    expect(tick().size).toBe(limiters.length);
    expect(tick().size).toBeLessThan(100);
    world.isTight = false;
    expect(tick().size).toBeLessThan(100);
  });

  it('looks at some in each message', () => {
    const { awake } = limitersOf(1_000);
    awake.tick();
    expect([...awake.looks()].length).toBeLessThanOrEqual(250);
    expect(awake.areDue).toBe(true);
  });
});
