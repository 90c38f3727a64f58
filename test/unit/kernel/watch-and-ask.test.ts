/** News of ends, questions with a deadline, lasting addresses. */
import { describe, expect, test } from 'vitest';
import { TroupeError } from '../../../src/domain/errors.ts';
import { type ActorRef, ask, type Signal } from '../../../src/kernel/index.ts';
import { createTestKit, type TestKit, underInterleavings } from '../../../src/kernel/testkit/index.ts';
import { supervise } from '../../../src/supervisor/index.ts';
import { actor, collector, gate } from './definitions.ts';

type Order = { readonly kind: 'watch' | 'unwatch'; readonly ref: ActorRef<never> };

function watcher(kit: TestKit, signals: Signal[], capacity = 8): ActorRef<Order> {
  return kit.system.spawn(
    'watcher',
    actor<Order>(
      (context) => ({
        receive({ kind, ref }) {
          context[kind](ref);
        },
        onSignal: (signal) => void signals.push(signal),
      }),
      { mailboxCapacity: capacity },
    ),
  );
}

const mortal = actor<string>((context) => ({
  receive(message) {
    if (message === 'crash') throw new Error('crash');
    context.stopSelf();
  },
}));

describe('watch', () => {
  test('tells once, with the reason, also of one who is gone already', async () => {
    await underInterleavings({ runs: 50 }, async (kit) => {
      const signals: Signal[] = [];
      const ref = watcher(kit, signals);
      const a = kit.system.spawn('a', mortal);
      const b = kit.system.spawn('b', mortal);
      for (const target of [a, a, b]) ref.tell({ kind: 'watch', ref: target });
      await kit.settle();
      a.tell('crash');
      b.tell('stop');
      await kit.settle();
      expect(signals).toHaveLength(2);
      expect(signals).toContainEqual({
        kind: 'terminated',
        ref: a,
        reason: { kind: 'failed', error: new Error('crash') },
      });
      expect(signals).toContainEqual({ kind: 'terminated', ref: b, reason: { kind: 'normal' } });
      ref.tell({ kind: 'watch', ref: a });
      await kit.settle();
      expect(signals.at(-1)).toMatchObject({ ref: a, reason: { kind: 'failed' } });
    });
  });

  test('after unwatch there is no news, not even if it was under way', async () => {
    const kit = createTestKit();
    const signals: Signal[] = [];
    const held = gate();
    const a = kit.system.spawn('a', mortal);
    const b = kit.system.spawn('b', mortal);
    const ref = kit.system.spawn(
      'watcher',
      actor<string>((context) => ({
        async receive() {
          context.watch(a);
          context.watch(b);
          await held.opened;
          context.unwatch(a);
        },
        onSignal: (signal) => void signals.push(signal),
      })),
    );
    ref.tell('go');
    await kit.settle();
    a.tell('stop');
    b.tell('stop');
    await kit.settle();
    held.open();
    await kit.settle();
    expect(signals.map((signal) => signal.ref.path)).toEqual(['/b']);
  });

  test('a restart is no end, to be suspended is one', async () => {
    const kit = createTestKit();
    const signals: Signal[] = [];
    const ref = watcher(kit, signals);
    kit.system.spawn(
      'sup',
      supervise({
        strategy: 'one-for-one',
        intensity: { maxRestarts: 1, windowMs: 1_000 },
        children: [{ name: 'a', definition: mortal, restart: 'permanent', shutdownMs: 100, onExhausted: 'suspend' }],
      }),
    );
    await kit.settle();
    const a = kit.system.refAt<string>('/sup/a');
    ref.tell({ kind: 'watch', ref: a });
    await kit.settle();
    a.tell('crash');
    await kit.settle();
    expect(signals).toEqual([]);
    a.tell('crash');
    await kit.settle();
    expect(signals).toMatchObject([{ kind: 'terminated', ref: a, reason: { kind: 'failed' } }]);
  });

  test('a watcher that has restarted hears nothing of what its former incarnation watched', async () => {
    const kit = createTestKit();
    const signals: Signal[] = [];
    const a = kit.system.spawn('a', mortal);
    const forgetful = actor<string>((context) => ({
      receive(message) {
        if (message === 'crash') throw new Error('crash');
        context.watch(a);
      },
      onSignal: (signal) => void signals.push(signal),
    }));
    kit.system.spawn(
      'sup',
      supervise({
        strategy: 'one-for-one',
        intensity: { maxRestarts: 1, windowMs: 1_000 },
        children: [{ name: 'watcher', definition: forgetful, restart: 'permanent', shutdownMs: 100 }],
      }),
    );
    await kit.settle();
    const ref = kit.system.refAt<string>('/sup/watcher');
    ref.tell('watch');
    ref.tell('crash');
    await kit.settle();
    a.tell('stop');
    await kit.settle();
    expect(signals).toEqual([]);
    expect(kit.telemetry.counted('troupe_actor_crashes_total')).toBe(1);
  });

  test('whenStopped settles at once for one that has stopped or never was', async () => {
    const kit = createTestKit();
    const a = kit.system.spawn('a', mortal);
    a.tell('stop');
    expect(await kit.outcome(kit.system.whenStopped(a), 0)).toEqual({ kind: 'normal' });
    expect(await kit.outcome(kit.system.whenStopped(a), 0)).toEqual({ kind: 'normal' });
    expect(await kit.outcome(kit.system.whenStopped(kit.system.refAt('/nobody')), 0)).toEqual({ kind: 'normal' });
  });
});

describe('ask', () => {
  const askFor = (kit: TestKit, ref: ActorRef<ActorRef<string>>, timeoutMs = 100): Promise<string> =>
    ask<ActorRef<string>, string>(ref, (reply) => reply, { timeoutMs, clock: kit.clock });

  test('resolves with the first answer and leaves no timer', async () => {
    const kit = createTestKit();
    const ref = kit.system.spawn(
      'a',
      actor<ActorRef<string>>(() => ({
        receive: (reply) => {
          expect([reply.tell('one'), reply.tell('two')]).toEqual([true, false]);
        },
      })),
    );
    expect(await kit.outcome(askFor(kit, ref))).toBe('one');
    expect(kit.clock.pendingTimers).toBe(0);
  });

  test('a deadline that passes leaves the outcome unknown, and a late answer is refused', async () => {
    const kit = createTestKit();
    const asked: ActorRef<string>[] = [];
    const ref = kit.system.spawn('a', collector(asked));
    const answer = askFor(kit, ref);
    const failure = expect(answer).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await kit.advance(99);
    expect(kit.clock.pendingTimers).toBe(1);
    await kit.advance(1);
    await failure;
    expect(asked[0]?.tell('late')).toBe(false);
  });

  test('a full or stopped actor refuses at once', async () => {
    const kit = createTestKit();
    const ref = kit.system.spawn<ActorRef<string>>('a', { ...collector<ActorRef<string>>([]), mailboxCapacity: 1 });
    const waiting = askFor(kit, ref);
    const refused = await askFor(kit, ref).catch((error: unknown) => error);
    expect(kit.clock.pendingTimers).toBe(1); // of the one that waits
    expect(refused).toBeInstanceOf(TroupeError);
    expect(refused).toMatchObject({ code: 'OVERLOADED', retryable: true });
    await expect(kit.outcome(waiting, 100)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });
});

test('an address finds whoever is there, across restarts of the whole subtree', async () => {
  const kit = createTestKit();
  const received: string[] = [];
  const sibling = actor<string>((context) => {
    const target = context.refAt<string>('../target');
    return { receive: (message) => void target.tell(message) };
  });
  const tree = actor<string>((context) => {
    context.spawn('target', collector(received));
    context.spawn('sibling', sibling);
    return {
      receive: () => {
        throw new Error('crash');
      },
    };
  });
  kit.system.spawn(
    'sup',
    supervise({
      strategy: 'one-for-one',
      intensity: { maxRestarts: 1, windowMs: 1_000 },
      children: [{ name: 'tree', definition: tree, restart: 'permanent', shutdownMs: 100 }],
    }),
  );
  const address = kit.system.refAt<string>('/sup/tree/sibling');
  expect(address.tell('too early')).toBe(false);
  await kit.settle();
  address.tell('first');
  await kit.settle();
  kit.system.refAt<string>('/sup/tree').tell('crash');
  await kit.settle();
  address.tell('second');
  await kit.settle();
  expect(received).toEqual(['first', 'second']);
});
