/** A client that says nothing more holds no call for ever. */
import { describe, expect, it } from 'vitest';
import { arriving } from '../../../src/gateway/arriving-messages.ts';
import { createManualClock } from '../application/manual-clock.ts';

async function* silentAfter(count: number): AsyncGenerator<number, void> {
  for (let n = 0; n < count; n += 1) yield n;
  await new Promise(() => undefined);
}

describe('messages of a client that falls silent', () => {
  it('end by an error after 30 s, counted from when the next one is wanted', async () => {
    const clock = createManualClock();
    const messages = arriving(silentAfter(2), new AbortController().signal, clock);
    await messages.next();
    // Whoever takes them may be slow.
    clock.advance(60_000);
    expect((await messages.next()).value).toBe(1);
    expect(clock.timers()).toBe(0);
    const last = messages.next();
    clock.advance(29_999);
    expect(clock.timers()).toBe(1);
    clock.advance(1);
    await expect(last).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', metadata: { outcome: 'none' } });
    expect(clock.timers()).toBe(0);
  });

  it('end with the call, also when it has ended before', async () => {
    const clock = createManualClock();
    const call = new AbortController();
    const next = arriving(silentAfter(0), call.signal, clock).next();
    call.abort(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
    await expect(arriving(silentAfter(1), call.signal, clock).next()).rejects.toThrow('gone');
    expect(clock.timers()).toBe(0);
  });
});
