/** Nothing that belongs to a former incarnation, or was taken back, is ever seen. */
import { describe, expect, test } from 'vitest';
import type { ActorContext } from '../../../src/kernel/index.ts';
import { createTestKit, type TestKit, underInterleavings } from '../../../src/kernel/testkit/index.ts';
import { supervise } from '../../../src/supervisor/index.ts';
import { actor, gate } from './definitions.ts';

type Order = (context: ActorContext<unknown>) => void | Promise<void>;

/** An actor under a supervisor that carries out orders and logs everything else with the number of its incarnation. */
async function obedient(kit: TestKit, log: string[]): Promise<(order: Order | string) => boolean> {
  let incarnations = 0;
  const definition = actor<unknown>((context) => {
    const incarnation = ++incarnations;
    return {
      receive(message) {
        if (typeof message === 'function') return (message as Order)(context);
        log.push(`${incarnation}:${String(message)}`);
        return undefined;
      },
    };
  });
  kit.system.spawn(
    'sup',
    supervise({
      strategy: 'one-for-one',
      intensity: { maxRestarts: 100, windowMs: 1_000 },
      children: [{ name: 'child', definition, restart: 'permanent', shutdownMs: 1_000 }],
    }),
  );
  await kit.settle();
  const ref = kit.system.refAt<unknown>('/sup/child');
  return (order) => ref.tell(order);
}

const crash: Order = () => {
  throw new Error('crash');
};

describe('timers', () => {
  test('one per key: setting it again replaces it', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    tell((context) => {
      context.setTimer('a', 10, 'first');
      context.setTimer('b', 10, 'other');
      context.setTimer('a', 20, 'second');
      context.setTimer('c', 10, 'cancelled');
      context.cancelTimer('c');
    });
    await kit.advance(10);
    expect(log).toEqual(['1:other']);
    await kit.advance(100);
    expect(log).toEqual(['1:other', '1:second']);
  });

  test('a timer that has fired, but whose message still waits, can be replaced or cancelled', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    const held = gate();
    tell((context) => {
      context.setTimer('a', 10, 'stale');
      context.setTimer('b', 10, 'stale');
    });
    tell(async (context) => {
      await held.opened;
      context.setTimer('a', 10, 'fresh');
      context.cancelTimer('b');
    });
    await kit.advance(50);
    held.open();
    await kit.advance(50);
    expect(log).toEqual(['1:fresh']);
  });

  test('a timer of a former incarnation never fires, not even when it fired before the crash was handled', async () => {
    await underInterleavings({ runs: 100 }, async (kit) => {
      const log: string[] = [];
      const tell = await obedient(kit, log);
      const held = gate();
      tell((context) => {
        context.setTimer('fires in the crash', 10, 'stale');
        context.setTimer('fires after it', 100, 'stale');
      });
      tell(async () => {
        await held.opened;
        throw new Error('crash');
      });
      await kit.advance(50);
      held.open();
      tell((context) => {
        context.setTimer('fires after it', 70, 'fresh');
      });
      await kit.advance(200);
      expect(log).toEqual(['2:fresh']);
    });
  });

  test('no timer is left behind by an actor that has stopped', async () => {
    const kit = createTestKit();
    const tell = await obedient(kit, []);
    tell((context) => {
      context.setTimer('a', 10_000, 'never');
    });
    await kit.settle();
    expect(kit.clock.pendingTimers).toBe(1);
    await kit.outcome(kit.system.terminate(1_000));
    expect(kit.clock.pendingTimers).toBe(0);
  });
});

describe('pipeToSelf', () => {
  test('both outcomes come back as messages', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    tell((context) => {
      context.pipeToSelf(Promise.resolve(1), (outcome) => outcome.status);
      context.pipeToSelf(Promise.reject(new Error('no')), (outcome) => outcome.status);
    });
    await kit.settle();
    expect(log.sort()).toEqual(['1:fulfilled', '1:rejected']);
  });

  test('the outcome of a former incarnation is dropped', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    const slow = gate();
    tell((context) => {
      context.pipeToSelf(slow.opened, () => 'stale');
    });
    tell(crash);
    tell('still here');
    await kit.settle();
    slow.open();
    await kit.settle();
    expect(log).toEqual(['2:still here']);
  });

  test('so is an outcome that was waiting when the incarnation ended', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    const held = gate();
    tell(async (context) => {
      context.pipeToSelf(Promise.resolve(), () => 'stale');
      await held.opened;
      throw new Error('crash');
    });
    await kit.settle();
    held.open();
    tell('still here');
    await kit.settle();
    expect(log).toEqual(['2:still here']);
  });

  test('its function runs in the turn of the actor, never inside another message', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const tell = await obedient(kit, log);
    const held = gate();
    tell(async (context) => {
      context.pipeToSelf(Promise.resolve(), () => {
        log.push('function');
        return 'piped';
      });
      await held.opened;
      log.push('end of the message');
    });
    await kit.settle();
    held.open();
    await kit.settle();
    expect(log).toEqual(['end of the message', 'function', '1:piped']);
  });
});
