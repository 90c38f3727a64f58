import { describe, expect, it } from 'vitest';
import { createKeyedTurns, createTurns } from '../../../../src/adapters/cassandra/turns.ts';

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

describe('writes that take turns by key', () => {
  it('wait for those of their own key alone, also after all of a key were done', async () => {
    const inTurn = createKeyedTurns({ monotonicMs: () => 0 });
    for (let round = 0; round < 2; round += 1) {
      const { opened, open } = gate();
      const ran: string[] = [];
      const run = (what: string, until?: Promise<void>) => async () => {
        ran.push(what);
        await until;
      };
      const held = inTurn('a', run('a1', opened));
      const next = inTurn('a', run('a2'));
      await inTurn('b', run('b1'));
      expect(ran).toEqual(['a1', 'b1']);
      // `held` has ended and `next` runs: a third one of the key still waits for it.
      const { opened: openedNext, open: openNext } = gate();
      const third = inTurn('a', run('a3', openedNext));
      open();
      await Promise.all([held, next]);
      const fourth = inTurn('a', run('a4'));
      await inTurn('b', run('b2'));
      expect(ran).toEqual(['a1', 'b1', 'a2', 'a3', 'b2']);
      openNext();
      await Promise.all([third, fourth]);
      expect(ran).toEqual(['a1', 'b1', 'a2', 'a3', 'b2', 'a4']);
    }
  });

  it('let the next of their key go on after one that failed', async () => {
    const inTurn = createKeyedTurns({ monotonicMs: () => 0 });
    const failed = inTurn('a', () => Promise.reject(new Error('lost')));
    const next = inTurn('a', () => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('lost');
    expect(await next).toBe('next');
  });
});
