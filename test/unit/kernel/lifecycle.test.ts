/** Starts, crashes, endings and their order. */
import { describe, expect, test } from 'vitest';
import { createTestKit, underInterleavings } from '../../../src/kernel/testkit/index.ts';
import type { ActorDefinition } from '../../../src/kernel/index.ts';
import { actor, collector, gate } from './definitions.ts';

/** Writes its stop; its children do the same. */
function parent(
  log: string[],
  children: Record<string, ActorDefinition<string>>,
  name: string,
): ActorDefinition<string> {
  return actor((context) => {
    for (const [child, definition] of Object.entries(children)) context.spawn(child, definition);
    return {
      receive(message) {
        if (message === 'crash') throw new Error('crash');
      },
      async onStop(reason) {
        await Promise.resolve();
        log.push(`${name}:${reason.kind}`);
      },
    };
  });
}

describe('crashes', () => {
  const crashing: Record<string, ActorDefinition<string>> = {
    'receive throws': actor(() => ({
      receive: () => {
        throw new Error('boom');
      },
    })),
    'receive rejects': actor(() => ({ receive: () => Promise.reject(new Error('boom')) })),
    'start throws': actor(() => {
      throw new Error('boom');
    }),
    'start rejects': actor(() => Promise.reject(new Error('boom'))),
    'ready rejects': actor(() => ({ ready: Promise.reject(new Error('boom')), receive: () => undefined })),
    'fail from a callback': actor((context) => {
      context.clock.setTimer(10, () => {
        context.fail(new Error('boom'));
      });
      return { receive: () => undefined };
    }),
    'onStop throws after a normal stop': actor((context) => ({
      receive: () => {
        context.stopSelf();
      },
      onStop: () => {
        throw new Error('boom');
      },
    })),
    'onStop rejects after a normal stop': actor((context) => ({
      receive: () => {
        context.stopSelf();
      },
      onStop: () => Promise.reject(new Error('boom')),
    })),
    'a throw after stopSelf': actor((context) => ({
      receive: () => {
        context.stopSelf();
        throw new Error('boom');
      },
    })),
    'the function of pipeToSelf throws': actor((context) => {
      context.pipeToSelf(Promise.resolve(), () => {
        throw new Error('boom');
      });
      return { receive: () => undefined };
    }),
  };

  test.each(Object.entries(crashing))('%s: it stops as failed, told, counted and logged', async (_name, definition) => {
    const kit = createTestKit();
    const ref = kit.system.spawn('a', definition);
    ref.tell('go');
    const reason = await kit.outcome(kit.system.whenStopped(ref));
    expect(reason).toEqual({ kind: 'failed', error: new Error('boom') });
    expect(kit.telemetry.counted('troupe_actor_crashes_total', { kind: 'test' })).toBe(1);
    expect(kit.logEntries.filter((entry) => entry.level === 'error')).toHaveLength(1);
    expect(kit.events.map((event) => event.type)).toContain('crashed');
    expect(kit.system.tree()).toEqual([]);
  });

  test('a crash stops the children first, newest first, then runs onStop once', async () => {
    await underInterleavings({ runs: 50 }, async (kit) => {
      const log: string[] = [];
      const child = (name: string) => parent(log, {}, name);
      const tree = parent(log, { a: parent(log, { a1: child('a1'), a2: child('a2') }, 'a'), b: child('b') }, 'top');
      const ref = kit.system.spawn('top', tree);
      await kit.settle();
      ref.tell('crash');
      await kit.settle();
      expect(log).toEqual(['b:shutdown', 'a2:shutdown', 'a1:shutdown', 'a:shutdown', 'top:failed']);
    });
  });

  test('a failing onStop does not keep an actor from stopping, nor its parent', async () => {
    const kit = createTestKit();
    const child = actor<never>(() => ({ receive: () => undefined, onStop: () => Promise.reject(new Error('no')) }));
    kit.system.spawn(
      'top',
      actor<never>((context) => {
        context.spawn('child', child);
        return { receive: () => undefined };
      }),
    );
    await kit.settle();
    await kit.outcome(kit.system.terminate(1_000));
    expect(kit.telemetry.counted('troupe_actors_abandoned_total')).toBe(0);
  });
});

describe('start', () => {
  test('messages wait for an asynchronous start', async () => {
    const kit = createTestKit();
    const opened = gate();
    const log: string[] = [];
    const ref = kit.system.spawn(
      'late',
      actor<string>(async () => {
        await opened.opened;
        return { receive: (message) => void log.push(message) };
      }),
    );
    ref.tell('early');
    await kit.settle();
    expect([log, kit.system.tree()[0]?.state, kit.system.tree()[0]?.mailboxSize]).toEqual([[], 'starting', 1]);
    opened.open();
    await kit.settle();
    expect([log, kit.system.tree()[0]?.state]).toEqual([['early'], 'running']);
  });

  test('a stop during the start waits for it, then releases what it acquired', async () => {
    const kit = createTestKit();
    const opened = gate();
    const log: string[] = [];
    const ref = kit.system.spawn(
      'late',
      actor<string>(async () => {
        await opened.opened;
        return { receive: () => undefined, onStop: () => void log.push('released') };
      }),
    );
    await kit.settle();
    kit.system.stop(ref);
    await kit.settle();
    expect(log).toEqual([]);
    opened.open();
    await kit.settle();
    expect([log, kit.system.tree()]).toEqual([['released'], []]);
  });

  test('names are unique, without slash, and free again after the stop', async () => {
    const kit = createTestKit();
    const first = kit.system.spawn('a', collector<string>([]));
    expect(() => kit.system.spawn('a', collector([]))).toThrow(/unique/);
    expect(() => kit.system.spawn('a/b', collector([]))).toThrow(/slash/);
    expect(() => kit.system.spawn('b', { ...collector([]), mailboxCapacity: Infinity })).toThrow(/bound/);
    kit.system.stop(first);
    await kit.settle();
    const second = kit.system.spawn('a', collector<string>([]));
    expect(second).not.toBe(first);
    expect([first.tell('x'), second.tell('x')]).toEqual([false, true]);
  });
});

describe('endings with a deadline', () => {
  test('an actor that does not let go is abandoned, and its late work reaches nobody', async () => {
    const kit = createTestKit();
    const stuck = gate();
    const log: string[] = [];
    const ref = kit.system.spawn(
      'stuck',
      actor<string>(
        (context) => ({
          async receive(message) {
            log.push(message);
            await stuck.opened;
            context.setTimer('t', 1, 'timer of the abandoned');
            context.pipeToSelf(Promise.resolve(), () => 'piped by the abandoned');
            expect(() => context.spawn('child', collector([]))).toThrow(/stopping/);
            log.push('late work ran');
          },
        }),
        { shutdownMs: 500 },
      ),
    );
    ref.tell('first');
    ref.tell('second');
    await kit.settle();
    kit.system.stop(ref);
    await kit.advance(499);
    expect(kit.system.tree()).toMatchObject([{ state: 'stopping' }]);
    await kit.advance(1);
    expect(kit.system.tree()).toEqual([]);
    expect(kit.telemetry.counted('troupe_actors_abandoned_total', { kind: 'test' })).toBe(1);
    expect(kit.logEntries).toMatchObject([{ level: 'warn', fields: { actor: '/stuck' } }]);
    stuck.open();
    await kit.advance(1_000);
    expect(log).toEqual(['first', 'late work ran']);
  });

  test('a start that completes after its actor was abandoned is released', async () => {
    const kit = createTestKit();
    const opened = gate();
    const log: string[] = [];
    const ref = kit.system.spawn(
      'late',
      actor<string>(
        async () => {
          await opened.opened;
          return { receive: () => undefined, onStop: ({ kind }) => void log.push(kind) };
        },
        { shutdownMs: 10 },
      ),
    );
    await kit.settle();
    kit.system.stop(ref);
    await kit.advance(10);
    expect(kit.system.tree()).toEqual([]);
    opened.open();
    await kit.settle();
    expect(log).toEqual(['shutdown']);
  });

  test('terminate stops the newest first, waits, and past its deadline leaves the rest behind', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    kit.system.spawn('first', parent(log, {}, 'first'));
    kit.system.spawn(
      'stuck',
      actor<never>(() => ({ receive: () => undefined, onStop: () => new Promise(() => undefined) })),
    );
    kit.system.spawn('last', parent(log, {}, 'last'));
    await kit.settle();
    const done = kit.system.terminate(2_000);
    await kit.advance(1_999);
    expect(log).toEqual(['last:shutdown']);
    await kit.outcome(done, 1);
    expect(kit.system.tree()).toEqual([]);
    expect(() => kit.system.spawn('x', collector([]))).toThrow(/shutting down/);
    await kit.outcome(kit.system.terminate(1), 0);
  });
});

test('the tree shows who is there and how it fares', async () => {
  const kit = createTestKit();
  const ref = kit.system.spawn(
    'shard',
    actor<string>(
      (context) => {
        context.spawn('child', collector([]));
        context.describe({ epoch: 42, held: true });
        return { receive: () => undefined };
      },
      { kind: 'shard', mailboxCapacity: 8 },
    ),
  );
  ref.tell('a');
  await kit.settle();
  expect(kit.system.tree()).toEqual([
    {
      path: '/shard',
      kind: 'shard',
      state: 'running',
      mailboxSize: 0,
      mailboxCapacity: 8,
      stashed: 0,
      messagesHandled: 1,
      busyMs: 0,
      upMs: 0,
      restarts: 0,
      budget: undefined,
      lastError: undefined,
      lastErrorAtMs: undefined,
      facts: { epoch: 42, held: true },
    },
    expect.objectContaining({ path: '/shard/child', kind: 'test', state: 'running' }),
  ]);
});
