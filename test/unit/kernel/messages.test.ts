/** Order, bounds and the fate of each message. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestKit, underInterleavings } from '../../../src/kernel/testkit/index.ts';
import { supervise } from '../../../src/supervisor/index.ts';
import { actor, collector, gate } from './definitions.ts';

describe('order', () => {
  test('messages of one sender arrive in the order of their sending, in every interleaving', async () => {
    await underInterleavings({ runs: 200 }, async (kit) => {
      const received: { from: string; n: number }[] = [];
      const sink = kit.system.spawn('sink', collector(received));
      for (const from of ['a', 'b', 'c']) {
        const sender = kit.system.spawn(
          from,
          actor<number>(() => ({ receive: (n) => void sink.tell({ from, n }) })),
        );
        for (let n = 0; n < 10; n++) sender.tell(n);
      }
      await kit.settle();
      for (const from of ['a', 'b', 'c']) {
        expect(received.filter((message) => message.from === from).map(({ n }) => n)).toEqual([
          0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        ]);
      }
    });
  });

  test('the same seed gives the same interleaving, and not all seeds the same', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const kit = createTestKit({ seed });
      const order: string[] = [];
      for (const name of ['a', 'b', 'c', 'd']) kit.system.spawn(name, collector(order)).tell(name);
      await kit.settle();
      return order.join('');
    };
    expect(await orderOf(7)).toBe(await orderOf(7));
    const orders = new Set(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(orderOf)));
    expect(orders.size).toBeGreaterThan(1);
  });

  test('one message at a time: the next waits until the promise of the one before has settled', async () => {
    await underInterleavings({ runs: 50 }, async (kit) => {
      let inside = 0;
      let handled = 0;
      const ref = kit.system.spawn(
        'slow',
        actor<number>(({ self }) => ({
          async receive(n) {
            expect(++inside).toBe(1);
            if (n > 0) self.tell(n - 1);
            await Promise.resolve();
            await Promise.resolve();
            inside--;
            handled++;
          },
          onSignal: () => {
            expect(inside).toBe(0);
          },
        })),
      );
      ref.tell(3);
      ref.tell(3);
      await kit.settle();
      expect(handled).toBe(8);
    });
  });

  test('an actor that tells itself does not recurse', async () => {
    const kit = createTestKit();
    let depth = 0;
    let deepest = 0;
    const ref = kit.system.spawn(
      'self',
      actor<number>(({ self }) => ({
        receive(n) {
          deepest = Math.max(deepest, ++depth);
          if (n > 0) self.tell(n - 1);
          depth--;
        },
      })),
    );
    ref.tell(20_000);
    await kit.settle();
    expect(deepest).toBe(1);
  });

  test('undefined is a message like any other', async () => {
    const kit = createTestKit();
    const received: undefined[] = [];
    const ref = kit.system.spawn('sink', collector(received));
    ref.tell(undefined);
    ref.tell(undefined);
    await kit.settle();
    expect(received).toHaveLength(2);
  });
});

describe('bounds', () => {
  test('past the capacity a message is refused, counted and kept as a dead letter', async () => {
    const kit = createTestKit();
    const received: object[] = [];
    const ref = kit.system.spawn<object>('small', { ...collector(received), mailboxCapacity: 2 });
    expect([ref.tell({ kind: 'a' }), ref.tell({ kind: 'b' }), ref.tell({ kind: 'c' })]).toEqual([true, true, false]);
    await kit.settle();
    expect(received).toHaveLength(2);
    expect(kit.telemetry.counted('troupe_dead_letters_total', { reason: 'mailbox_full' })).toBe(1);
    expect(kit.system.deadLetters()).toMatchObject([{ path: '/small', reason: 'mailbox_full', messageTag: 'c' }]);
    expect(kit.events).toContainEqual({
      type: 'dead_letter',
      path: '/small',
      reason: 'mailbox_full',
      message: { kind: 'c' },
    });
  });

  test('the ring of dead letters keeps the last 256', () => {
    const kit = createTestKit();
    const ref = kit.system.refAt<{ kind: string }>('/nobody');
    for (let n = 0; n < 1_000; n++) ref.tell({ kind: String(n) });
    const tags = kit.system.deadLetters().map((letter) => letter.messageTag);
    expect(tags).toEqual(Array.from({ length: 256 }, (_, n) => String(744 + n)));
    expect(kit.telemetry.counted('troupe_dead_letters_total', { reason: 'no_actor' })).toBe(1_000);
  });

  test('timers, promises and signals get through to an actor whose mailbox is full', async () => {
    const kit = createTestKit();
    const held = gate();
    const log: string[] = [];
    const ref = kit.system.spawn(
      'full',
      actor<string>(
        (context) => ({
          async receive(message) {
            log.push(message);
            if (message !== 'hold') return;
            context.setTimer('t', 5, 'timer');
            context.pipeToSelf(Promise.resolve(1), () => 'piped');
            context.watch(context.refAt('/nobody'));
            await held.opened;
          },
          onSignal: ({ kind }) => void log.push(kind),
        }),
        { mailboxCapacity: 1 },
      ),
    );
    ref.tell('hold');
    await kit.settle();
    expect([ref.tell('waits'), ref.tell('refused')]).toEqual([true, false]);
    await kit.advance(10);
    held.open();
    await kit.settle();
    expect(log.sort()).toEqual(['hold', 'piped', 'terminated', 'timer', 'waits']);
  });

  test('what waits when an actor stops becomes dead letters, and so does what comes later', async () => {
    const kit = createTestKit();
    const ref = kit.system.spawn(
      'stopper',
      actor<string>((context) => ({
        receive: () => {
          context.stopSelf();
        },
      })),
    );
    for (const message of ['stop', 'waiting', 'waiting']) ref.tell(message);
    await kit.settle();
    expect(ref.tell('late')).toBe(false);
    expect(kit.telemetry.counted('troupe_dead_letters_total', { reason: 'stopped' })).toBe(3);
  });
});

describe('stash', () => {
  const opening = (log: string[], capacity: number) =>
    actor<string>(
      (context) => {
        let isOpen = false;
        return {
          receive(message) {
            if (message === 'open') {
              isOpen = true;
              context.unstashAll();
            } else if (message === 'crash') throw new Error('crash');
            else if (isOpen) log.push(message);
            else context.stash();
          },
        };
      },
      { mailboxCapacity: capacity },
    );

  test('stashed messages go first, oldest first', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const ref = kit.system.spawn('door', opening(log, 8));
    for (const message of ['1', '2', '3', 'open', '4']) ref.tell(message);
    await kit.settle();
    expect(log).toEqual(['1', '2', '3', '4']);
  });

  test('past its bound a message is a dead letter', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const ref = kit.system.spawn('door', opening(log, 2));
    for (const message of ['1', '2', '3', 'open']) {
      ref.tell(message);
      await kit.settle();
    }
    expect(log).toEqual(['1', '2']);
    expect(kit.system.deadLetters()).toMatchObject([{ reason: 'stash_full' }]);
  });

  test('after a crash the next incarnation handles what the last one had stashed', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    kit.system.spawn(
      'sup',
      supervise({
        strategy: 'one-for-one',
        intensity: { maxRestarts: 1, windowMs: 1_000 },
        children: [{ name: 'door', definition: opening(log, 8), restart: 'permanent', shutdownMs: 100 }],
      }),
    );
    await kit.settle();
    const door = kit.system.refAt<string>('/sup/door');
    for (const message of ['1', '2', 'crash', '3', 'open', '4']) door.tell(message);
    await kit.settle();
    expect(log).toEqual(['1', '2', '3', '4']);
  });
});

test('every message is handled or a dead letter, whatever crashes and stops', async () => {
  const orders = fc.array(
    fc.constantFrom('work', 'work', 'work', 'crash', 'crash later', 'stash', 'unstash', 'stop', 'settle'),
    {
      maxLength: 60,
      size: 'max',
    },
  );
  const property = fc.asyncProperty(
    orders,
    fc.nat(),
    fc.integer({ min: 1, max: 8 }),
    async (script, seed, capacity) => {
      const kit = createTestKit({ seed });
      let handled = 0;
      const definition = actor<string>(
        (context) => ({
          receive(message) {
            if (message === 'stash') {
              context.stash();
              return undefined;
            }
            handled++;
            if (message === 'crash') throw new Error(message);
            if (message === 'crash later') return Promise.reject(new Error(message));
            if (message === 'unstash') context.unstashAll();
            if (message === 'stop') context.stopSelf();
            return undefined;
          },
        }),
        { mailboxCapacity: capacity },
      );
      kit.system.spawn(
        'sup',
        supervise({
          strategy: 'one-for-one',
          intensity: { maxRestarts: 3, windowMs: 1_000 },
          children: [{ name: 'child', definition, restart: 'transient', shutdownMs: 100, onExhausted: 'suspend' }],
        }),
      );
      await kit.settle();
      const ref = kit.system.refAt<string>('/sup/child');
      let told = 0;
      for (const order of script) {
        if (order === 'settle') await kit.settle();
        else {
          ref.tell(order);
          told++;
        }
        const node = kit.system.tree().find(({ path }) => path === '/sup/child');
        expect(node?.mailboxSize ?? 0).toBeLessThanOrEqual(2 * capacity);
      }
      await kit.settle();
      await kit.outcome(kit.system.terminate(1_000));
      expect(handled + kit.telemetry.counted('troupe_dead_letters_total')).toBe(told);
    },
  );
  await fc.assert(property, { numRuns: 1_000 });
});
