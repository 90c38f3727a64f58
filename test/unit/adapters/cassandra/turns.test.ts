import { describe, expect, it } from 'vitest';
import { createTurns } from '../../../../src/adapters/cassandra/turns.ts';

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { opened: promise, open: () => resolve(undefined) };
}

describe('writes that take turns', () => {
  it('run one at a time, in order, and one that fails holds up nobody', async () => {
    const inTurn = createTurns({ monotonicMs: () => 0 });
    const ran: number[] = [];
    let running = 0;
    const all = [1, 2, 3].map((n) =>
      inTurn(async () => {
        running += 1;
        expect(running).toBe(1);
        await Promise.resolve();
        running -= 1;
        ran.push(n);
        if (n === 2) throw new Error('lost');
        return n;
      }),
    );
    expect(await Promise.allSettled(all)).toMatchObject([
      { value: 1 },
      { reason: expect.objectContaining({ message: 'lost' }) as unknown },
      { value: 3 },
    ]);
    expect(ran).toEqual([1, 2, 3]);
  });

  it('are refused beyond 200 that wait, and are not run when the store has hung for 10 s', async () => {
    let nowMs = 0;
    const inTurn = createTurns({ monotonicMs: () => nowMs });
    const { opened, open } = gate();
    const first = inTurn(() => opened);
    await Promise.resolve();
    let ran = 0;
    const later = Array.from({ length: 200 }, () =>
      inTurn(async () => {
        ran += 1;
      }).catch((error: unknown) => (error as { code: string }).code),
    );
    await expect(inTurn(() => opened)).rejects.toMatchObject({ code: 'OVERLOADED' });
    nowMs = 10_001;
    open();
    await first;
    expect(new Set(await Promise.all(later))).toEqual(new Set(['STORE_UNAVAILABLE']));
    expect(ran).toBe(0);
    await expect(inTurn(() => Promise.resolve('again'))).resolves.toBe('again');
  });
});
