import { describe, expect, it } from 'vitest';
import { AnswerRoom } from '../../../src/gateway/answer-room.ts';
import { createSendBudget } from '../../../src/gateway/send-budget.ts';
import { noTelemetry } from '../../support/stores.ts';

describe('the room of an answer', () => {
  it.each([NaN, Infinity, -Infinity, -1, undefined])('refuses to reserve %s bytes, and others go on', (bytes) => {
    const budget = createSendBudget(1_000, noTelemetry);
    const room = new AnswerRoom(budget, 'acme');
    expect(() => room.reserve(bytes as number)).toThrow(/number of bytes/);
    room.release();
    expect(budget.heldBytes()).toBe(0);
    const other = new AnswerRoom(budget, 'acme');
    other.reserve(0);
    other.reserve(500);
    expect(budget.heldBytes()).toBe(500);
    other.release();
    expect(budget.heldBytes()).toBe(0);
  });
});
