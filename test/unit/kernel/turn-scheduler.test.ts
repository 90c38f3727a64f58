/** The real scheduler: actors that never run dry must not keep the event loop, nor each other, from running. */
import { expect, test } from 'vitest';
import { type ActorRef, createActorSystem, createTurnScheduler, type Runnable } from '../../../src/kernel/index.ts';
import {
  createRecordingLogger,
  createRecordingTelemetry,
  createVirtualClock,
} from '../../../src/kernel/testkit/index.ts';
import { actor } from './definitions.ts';

function realSystem() {
  const clock = createVirtualClock(); // it stands still: the bound by count must do
  const system = createActorSystem({
    clock,
    random: Math.random,
    log: createRecordingLogger([]),
    telemetry: createRecordingTelemetry(),
  });
  return { clock, system };
}

test('an endless conversation leaves the event loop its turns', async () => {
  const { system } = realSystem();
  let handled = 0;
  const player = actor<ActorRef<never>>((context) => ({
    receive(from) {
      handled++;
      (from as ActorRef<unknown>).tell(context.self);
    },
  }));
  const left = system.spawn('left', player);
  const right = system.spawn('right', player);
  left.tell(right);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(handled).toBeGreaterThan(100);
  expect(handled).toBeLessThan(20_000);
  await system.terminate(1_000);
});

test('a busy actor does not starve another', async () => {
  const { system } = realSystem();
  const order: string[] = [];
  const busy = system.spawn(
    'busy',
    actor<number>(() => ({ receive: () => void order.push('busy') }), { mailboxCapacity: 1_000 }),
  );
  const other = system.spawn(
    'other',
    actor<number>(() => ({ receive: () => void order.push('other') })),
  );
  for (let n = 0; n < 1_000; n++) busy.tell(n);
  other.tell(0);
  while (order.length < 1_001) await new Promise((resolve) => setImmediate(resolve));
  expect(order.indexOf('other')).toBeLessThan(100);
  await system.terminate(1_000);
});

test('by time: a slow batch ends the turn', async () => {
  const clock = createVirtualClock();
  const scheduler = createTurnScheduler(clock);
  const ran: number[] = [];
  const slow = (n: number): Runnable => ({
    busyMs: 0,
    run() {
      ran.push(n);
      clock.step(clock.monotonicMs() + 5);
      return false;
    },
  });
  for (const n of [1, 2, 3]) scheduler.schedule(slow(n));
  await new Promise((resolve) => setImmediate(resolve));
  expect(ran).toEqual([1]);
  while (ran.length < 3) await new Promise((resolve) => setImmediate(resolve));
  expect(ran).toEqual([1, 2, 3]);
});

/** A task that always has more work. */
function endless(clock: ReturnType<typeof createVirtualClock>, batchMs = 1): Runnable & { runs: number } {
  return {
    busyMs: 0,
    runs: 0,
    run() {
      this.runs += 1;
      clock.step(clock.monotonicMs() + batchMs);
      return true;
    },
  };
}

test.each([
  ['a short time', 1, 2],
  ['as long as the rest of the loop took', 7, 7],
  ['no longer than the maximum', 500, 20],
])('actors get %s', async (_name, restMs, batches) => {
  const clock = createVirtualClock();
  const scheduler = createTurnScheduler(clock);
  const task = endless(clock);
  scheduler.schedule(task);
  for (let turn = 1; turn <= 3; turn++) {
    clock.step(clock.monotonicMs() + restMs);
    await new Promise((resolve) => setImmediate(resolve));
    expect(task.runs).toBe(turn * batches);
  }
});

test.each([
  ['short lasts its time', 2 ** -8, 7 * 2 ** 8],
  ['too short for the clock ends by their number', 0, 64],
])('the turn of actors whose batches are %s', async (_name, batchMs, batches) => {
  const clock = createVirtualClock();
  const scheduler = createTurnScheduler(clock);
  const task = endless(clock, batchMs);
  scheduler.schedule(task);
  clock.step(clock.monotonicMs() + 7);
  await new Promise((resolve) => setImmediate(resolve));
  expect(task.runs).toBe(batches);
});

test('nobody owes the actors the time in which none had work', async () => {
  const clock = createVirtualClock();
  const scheduler = createTurnScheduler(clock);
  clock.step(clock.monotonicMs() + 1_000);
  const task = endless(clock);
  scheduler.schedule(task);
  await new Promise((resolve) => setImmediate(resolve));
  expect(task.runs).toBe(2);
});

test('the time a batch took is booked on the one who took it', async () => {
  const clock = createVirtualClock();
  const scheduler = createTurnScheduler(clock);
  const taking = (ms: number): Runnable & { runs: number } => ({
    busyMs: 0,
    runs: 0,
    run() {
      this.runs += 1;
      clock.step(clock.monotonicMs() + ms);
      return this.runs < 2;
    },
  });
  const [quick, slow] = [taking(1), taking(7)];
  scheduler.schedule(quick);
  scheduler.schedule(slow);
  while (slow.runs < 2) await new Promise((resolve) => setImmediate(resolve));
  expect([quick.busyMs, slow.busyMs]).toEqual([2, 14]);
});
