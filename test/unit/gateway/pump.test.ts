/** What a gateway holds for clients that read slowly has a bound, in bytes. */
import { describe, expect, it } from 'vitest';
import { AnswerRoom } from '../../../src/gateway/answer-room.ts';
import { pump } from '../../../src/gateway/pump.ts';
import { createSendBudget } from '../../../src/gateway/send-budget.ts';
import { createManualClock } from '../application/manual-clock.ts';
import { natsTestTelemetry } from '../../support/nats.ts';

function setUp(maxBytes = 100) {
  const clock = createManualClock();
  const budget = createSendBudget(maxBytes, natsTestTelemetry);
  const waiting: (() => void)[] = [];
  const written: number[] = [];
  const call = {
    write(message: number, left: () => void): boolean {
      written.push(message);
      waiting.push(left);
      return true;
    },
  };
  const controller = new AbortController();
  let asked = 0;
  async function* source(): AsyncGenerator<number, void> {
    for (asked = 1; asked <= 3; asked += 1) yield asked;
  }
  const done = pump(call, source(), { room: new AnswerRoom(budget, 'acme'), clock, signal: controller.signal });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, budget, waiting, written, controller, done, settle, asked: () => asked };
}

describe('a stream', () => {
  it('asks its source for the next message when the last one has left', async () => {
    const { waiting, written, done, settle, asked, clock } = setUp();
    for (let number = 1; number <= 3; number += 1) {
      await settle();
      expect([written.length, asked()]).toEqual([number, number]);
      waiting.pop()?.();
    }
    await done;
    expect(clock.timers()).toBe(0);
  });

  it('ends when its client takes nothing for 30 s', async () => {
    const { done, settle, clock } = setUp();
    await settle();
    clock.advance(29_999);
    expect(clock.timers()).toBe(1);
    clock.advance(1);
    await expect(done).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(clock.timers()).toBe(0);
  });

  it('ends with its call while a message waits', async () => {
    const { done, settle, controller, clock } = setUp();
    await settle();
    controller.abort(new Error('gone'));
    await expect(done).rejects.toThrow('gone');
    expect(clock.timers()).toBe(0);
  });

  it('ends where others hold all that may be held', async () => {
    const { done, settle, budget, waiting, written } = setUp();
    await settle();
    const release = budget.hold('acme', 100);
    waiting.pop()?.();
    await expect(done).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '100' } });
    expect(written).toEqual([1]);
    release();
    release();
    expect(budget.heldBytes()).toBe(0);
  });
});
