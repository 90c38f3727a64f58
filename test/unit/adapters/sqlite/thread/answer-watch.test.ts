import { beforeEach, describe, expect, it } from 'vitest';
import { AnswerWatch } from '../../../../../src/adapters/sqlite/thread/answer-watch.ts';
import { createVirtualClock, type VirtualClock } from '../../../../../src/kernel/testkit/index.ts';

const silenceMaxMs = 10_000;

describe('the watch over the answers of the store thread', () => {
  let clock: VirtualClock;
  let alarms: number;
  let watch: AnswerWatch;

  beforeEach(() => {
    clock = createVirtualClock();
    alarms = 0;
    watch = new AnswerWatch(clock, silenceMaxMs, () => (alarms += 1));
  });

  function advance(ms: number): void {
    const untilMs = clock.monotonicMs() + ms;
    while (clock.step(untilMs)) continue;
  }

  it('calls once nothing was answered for the whole time, and not before', () => {
    watch.expect();
    advance(silenceMaxMs);
    expect(alarms).toBe(0);
    advance(silenceMaxMs / 10);
    expect(alarms).toBe(1);
  });

  it('begins anew with each answer, whatever else is still expected', () => {
    watch.expect();
    for (let n = 0; n < 5; n += 1) {
      advance(silenceMaxMs * 0.9);
      watch.heard(true);
    }
    expect(alarms).toBe(0);
    advance(silenceMaxMs * 1.2);
    expect(alarms).toBe(1);
  });

  it('waits longer for an answer of which that was said, and no longer for the next one', () => {
    watch.expect();
    advance(silenceMaxMs * 0.9);
    watch.allow(silenceMaxMs * 2);
    advance(silenceMaxMs * 3);
    expect(alarms).toBe(0);
    watch.heard(true);
    advance(silenceMaxMs * 1.2);
    expect(alarms).toBe(1);
  });

  it('has no timer while nothing is expected', () => {
    watch.expect();
    watch.heard(false);
    advance(silenceMaxMs * 3);
    expect([alarms, clock.pendingTimers]).toEqual([0, 0]);
    watch.expect();
    advance(silenceMaxMs * 2);
    expect(alarms).toBe(1);
  });

  it('does not blame the thread for time in which this process itself stood still', () => {
    // After an hour in which it was stopped, one timer is due, and then the answer is read.
    const fires: (() => void)[] = [];
    const setTimer = (_delayMs: number, fire: () => void): (() => void) => {
      fires.push(fire);
      return () => undefined;
    };
    const stalled = new AnswerWatch({ ...clock, setTimer }, silenceMaxMs, () => (alarms += 1));
    stalled.expect();
    fires.shift()?.();
    stalled.heard(false);
    fires.shift()?.();
    expect([alarms, fires.length]).toEqual([0, 0]);
  });

  it('is silent once it is closed', () => {
    watch.expect();
    watch.close();
    advance(silenceMaxMs * 2);
    expect([alarms, clock.pendingTimers]).toEqual([0, 0]);
  });
});
