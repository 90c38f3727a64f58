/** What the reference does not cover: time, orders, deadlines, and mistakes that other actor systems have made. */
import { describe, expect, test } from 'vitest';
import { type ActorRef, ask } from '../../../src/kernel/index.ts';
import { createTestKit, type TestKit, underInterleavings } from '../../../src/kernel/testkit/index.ts';
import {
  type ChildSpec,
  type ChildStatus,
  type OrderReply,
  type StartChildReply,
  supervise,
  type SupervisorMessage,
  type SupervisorSpec,
} from '../../../src/supervisor/index.ts';
import { actor, gate } from '../kernel/definitions.ts';

function child(name: string, log: string[], more: Partial<ChildSpec> = {}): ChildSpec {
  const definition = actor<string>((context) => {
    log.push(`+${name}`);
    return {
      receive(message) {
        if (message === 'crash') throw new Error('crash');
        if (message === 'stop') context.stopSelf();
        else log.push(`${name}:${message}`);
      },
      onStop: () => void log.push(`-${name}`),
    };
  });
  return { name, definition, restart: 'permanent', shutdownMs: 1_000, ...more };
}

function superviseIn(
  kit: TestKit,
  children: ChildSpec[],
  more: Partial<SupervisorSpec> = {},
): ActorRef<SupervisorMessage> {
  const intensity = { maxRestarts: 3, windowMs: 10_000 };
  return kit.system.spawn('sup', supervise({ strategy: 'one-for-one', intensity, children, ...more }));
}

function order<R>(
  kit: TestKit,
  sup: ActorRef<SupervisorMessage>,
  make: (reply: ActorRef<R>) => SupervisorMessage,
): Promise<R> {
  return kit.outcome(ask<SupervisorMessage, R>(sup, make, { timeoutMs: 10_000, clock: kit.clock }));
}

const stateOf = (kit: TestKit, path: string) => kit.system.tree().find((node) => node.path === path)?.state;

describe('start and stop', () => {
  test('the next child starts when the one before is up; the supervisor is up when all are', async () => {
    await underInterleavings({ runs: 30 }, async (kit) => {
      const log: string[] = [];
      const slow = gate();
      const slowChild = child('slow', log, {
        definition: actor<string>(async () => {
          log.push('+slow');
          await slow.opened;
          return { receive: () => undefined };
        }),
      });
      const inner = supervise({
        strategy: 'one-for-one',
        intensity: { maxRestarts: 0, windowMs: 1 },
        children: [child('a', log), slowChild, child('b', log)],
      });
      superviseIn(kit, [
        { name: 'inner', definition: inner, restart: 'permanent', shutdownMs: 'infinity' },
        child('after', log),
      ]);
      await kit.settle();
      expect([log, stateOf(kit, '/sup/inner'), stateOf(kit, '/sup')]).toEqual([
        ['+a', '+slow'],
        'starting',
        'starting',
      ]);
      slow.open();
      await kit.settle();
      expect([log, stateOf(kit, '/sup/inner'), stateOf(kit, '/sup')]).toEqual([
        ['+a', '+slow', '+b', '+after'],
        'running',
        'running',
      ]);
      await kit.outcome(kit.system.terminate(1_000));
      expect(log.slice(4)).toEqual(['-after', '-b', '-a']);
    });
  });

  test('a child past its shutdownMs is abandoned, and the others still stop in order', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const stuck = child('stuck', log, {
      shutdownMs: 300,
      definition: actor<string>(() => ({ receive: () => undefined, onStop: () => new Promise(() => undefined) })),
    });
    superviseIn(kit, [child('a', log), stuck, child('b', log)]);
    await kit.settle();
    const done = kit.system.terminate(10_000);
    await kit.advance(299);
    expect(log).toEqual(['+a', '+b', '-b']);
    await kit.advance(1);
    expect(log).toEqual(['+a', '+b', '-b', '-a']);
    await kit.outcome(done, 0);
    expect(kit.telemetry.counted('troupe_actors_abandoned_total')).toBe(1);
  });

  test('an abandoned incarnation does not keep the next one from starting, and cannot disturb it', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const held = gate();
    const heldAgain = gate();
    const stuck = actor<string>((context) => {
      log.push('+stuck');
      return {
        async receive(message) {
          if (message === 'hang again') await heldAgain.opened;
          if (message !== 'hang') return void log.push(message);
          await held.opened;
          context.setTimer('t', 1, 'from the abandoned incarnation');
          context.fail(new Error('from the abandoned incarnation'));
          throw new Error('from the abandoned incarnation');
        },
      };
    });
    const sup = superviseIn(kit, [child('stuck', log, { definition: stuck, shutdownMs: 100 })]);
    await kit.settle();
    const ref = kit.system.refAt<string>('/sup/stuck');
    for (const message of ['hang', 'hang again', 'waits']) ref.tell(message);
    await kit.settle();
    await order<OrderReply>(kit, sup, (reply) => ({ kind: 'restartChild', name: 'stuck', reply }));
    await kit.advance(100);
    held.open();
    await kit.advance(1_000);
    expect(log).toEqual(['+stuck', '+stuck']);
    heldAgain.open();
    await kit.settle();
    expect(log).toEqual(['+stuck', '+stuck', 'hang again', 'waits']);
    expect(stateOf(kit, '/sup/stuck')).toBe('running');
    expect(kit.telemetry.counted('troupe_actor_crashes_total')).toBe(0);
  });
});

describe('restarts', () => {
  test('the ref stays valid and messages sent meanwhile wait, up to the bound', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    superviseIn(kit, [child('a', log)], { backoff: { initialMs: 100, maxMs: 1_000, jitter: 0 } });
    await kit.settle();
    const sup = kit.system.refAt<SupervisorMessage>('/sup');
    const [status] = await order<readonly ChildStatus[]>(kit, sup, (reply) => ({ kind: 'listChildren', reply }));
    const ref = status?.ref as ActorRef<string>;
    ref.tell('crash');
    await kit.advance(99);
    expect(stateOf(kit, '/sup/a')).toBe('waiting');
    for (let n = 0; n < 64; n++) expect(ref.tell('waits')).toBe(true);
    expect(ref.tell('too many')).toBe(false);
    await kit.advance(1);
    expect(log).toEqual(['+a', '-a', '+a', ...Array<string>(64).fill('a:waits')]);
  });

  test('the pause doubles with each failure in the window, and begins anew after it', async () => {
    const kit = createTestKit();
    const starts: number[] = [];
    const definition = actor<string>(({ clock }) => {
      starts.push(clock.monotonicMs());
      return {
        receive: () => {
          throw new Error('crash');
        },
      };
    });
    superviseIn(kit, [{ name: 'a', definition, restart: 'permanent', shutdownMs: 100 }], {
      intensity: { maxRestarts: 10, windowMs: 1_000 },
      backoff: { initialMs: 100, maxMs: 300, jitter: 0 },
    });
    const ref = kit.system.refAt<string>('/sup/a');
    await kit.settle();
    for (const waitMs of [100, 200, 300, 2_000]) {
      ref.tell('crash');
      await kit.advance(waitMs);
    }
    ref.tell('crash');
    await kit.advance(100);
    // 0, +100, +200, +300, then 300 after the crash at 600, then 100 after the one at 2,600
    expect(starts).toEqual([0, 100, 300, 600, 900, 2_700]);
  });

  test('under one-for-one a child in its backoff holds up nobody; under rest-for-one those after it wait', async () => {
    const run = async (strategy: 'one-for-one' | 'rest-for-one'): Promise<string[]> => {
      const kit = createTestKit();
      const log: string[] = [];
      superviseIn(
        kit,
        ['a', 'b', 'c'].map((name) => child(name, log)),
        { strategy, backoff: { initialMs: 100, maxMs: 100, jitter: 0 } },
      );
      await kit.settle();
      log.length = 0;
      kit.system.refAt<string>('/sup/b').tell('crash');
      await kit.advance(50);
      kit.system.refAt<string>('/sup/a').tell('crash');
      await kit.advance(75);
      log.push('|');
      await kit.advance(100);
      return log;
    };
    expect(await run('one-for-one')).toEqual(['-b', '-a', '+b', '|', '+a']);
    expect(await run('rest-for-one')).toEqual(['-b', '-c', '-a', '|', '+a', '+b', '+c']);
  });

  test('past the intensity the supervisor fails with the cause, and its own supervisor takes over', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const inner = supervise({
      strategy: 'one-for-one',
      intensity: { maxRestarts: 1, windowMs: 1_000 },
      children: [child('a', log), child('b', log)],
    });
    superviseIn(kit, [
      { name: 'inner', definition: inner, restart: 'permanent', shutdownMs: 'infinity' },
      child('other', log),
    ]);
    await kit.settle();
    const a = kit.system.refAt<string>('/sup/inner/a');
    a.tell('crash');
    await kit.settle();
    log.length = 0;
    a.tell('crash');
    await kit.settle();
    expect(log).toEqual(['-a', '-b', '+a', '+b']);
    const crash = kit.events.find((event) => event.type === 'crashed' && event.path === '/sup/inner');
    expect(crash).toMatchObject({
      error: { code: 'INTERNAL_ERROR', metadata: { child: 'a' }, cause: { message: 'crash' } },
    });
    expect(kit.events.filter(({ type }) => type === 'restarted').map((event) => event.path)).toContain('/sup/inner');
  });
});

describe('suspend', () => {
  const fragile = (log: string[]): ChildSpec =>
    child('a', log, { onExhausted: 'suspend', intensity: { maxRestarts: 1, windowMs: 1_000 } });

  test('a child past its own budget stays down, is shown and refuses messages, until it is resumed', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const sup = superviseIn(kit, [fragile(log), child('b', log)], { intensity: { maxRestarts: 0, windowMs: 1_000 } });
    const a = kit.system.refAt<string>('/sup/a');
    await kit.settle();
    for (let n = 0; n < 2; n++) {
      a.tell('crash');
      await kit.settle();
    }
    expect([stateOf(kit, '/sup/a'), stateOf(kit, '/sup/b'), stateOf(kit, '/sup')]).toEqual([
      'suspended',
      'running',
      'running',
    ]);
    expect(a.tell('x')).toBe(false);
    expect(kit.telemetry.counted('troupe_dead_letters_total', { reason: 'suspended' })).toBe(1);
    expect(kit.events.at(-2)).toMatchObject({ type: 'suspended', path: '/sup/a' });
    await kit.advance(100_000);
    expect(stateOf(kit, '/sup/a')).toBe('suspended');

    expect(await order<OrderReply>(kit, sup, (reply) => ({ kind: 'resume', name: 'a', reply }))).toEqual({ ok: true });
    a.tell('hello');
    await kit.settle();
    expect([stateOf(kit, '/sup/a'), log.at(-1)]).toEqual(['running', 'a:hello']);
    a.tell('crash');
    await kit.settle();
    expect(stateOf(kit, '/sup/a')).toBe('running'); // its budget is fresh
  });

  test('held back by a suspended child a supervisor counts as up, but only when those it takes down have ended', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const held = gate();
    const slow = child('slow', log, {
      definition: actor<string>(() => ({ receive: () => undefined, onStop: () => held.opened })),
    });
    const broken = child('broken', log, {
      onExhausted: 'suspend',
      intensity: { maxRestarts: 0, windowMs: 1 },
      definition: actor<string>(() => Promise.reject(new Error('no'))),
    });
    const inner = supervise({
      strategy: 'one-for-all',
      intensity: { maxRestarts: 1, windowMs: 1_000 },
      children: [slow, broken],
    });
    superviseIn(kit, [
      { name: 'inner', definition: inner, restart: 'permanent', shutdownMs: 'infinity' },
      child('after', log),
    ]);
    await kit.settle();
    expect([stateOf(kit, '/sup/inner/slow'), stateOf(kit, '/sup/inner/broken'), log]).toEqual([
      'stopping',
      'suspended',
      [],
    ]);
    held.open();
    await kit.settle();
    expect([stateOf(kit, '/sup/inner/slow'), stateOf(kit, '/sup/inner'), log]).toEqual([
      'waiting',
      'running',
      ['+after'],
    ]);
  });

  test('it can be stopped for good, and the name used again', async () => {
    const kit = createTestKit();
    const sup = superviseIn(kit, [
      child('a', [], { onExhausted: 'suspend', intensity: { maxRestarts: 0, windowMs: 1 } }),
    ]);
    await kit.settle();
    kit.system.refAt<string>('/sup/a').tell('crash');
    await kit.settle();
    expect(await order<OrderReply>(kit, sup, (reply) => ({ kind: 'stopChild', name: 'a', reply }))).toEqual({
      ok: true,
    });
    expect(stateOf(kit, '/sup/a')).toBeUndefined();
    const started = await order<StartChildReply>(kit, sup, (reply) => ({
      kind: 'startChild',
      spec: child('a', []),
      reply,
    }));
    expect(started).toMatchObject({ ok: true, ref: { path: '/sup/a' } });
  });
});

describe('orders', () => {
  test('children come and go; each order is answered, the wrong ones with a reason', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const sup = superviseIn(kit, [child('a', log)], { maxChildren: 2 });
    await kit.settle();
    const start = (spec: ChildSpec) =>
      order<StartChildReply>(kit, sup, (reply) => ({ kind: 'startChild', spec, reply }));
    const stop = (name: string) => order<OrderReply>(kit, sup, (reply) => ({ kind: 'stopChild', name, reply }));
    const restart = (name: string) => order<OrderReply>(kit, sup, (reply) => ({ kind: 'restartChild', name, reply }));

    expect(await start(child('a', log))).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT' } });
    expect(await start(child('a/b', log))).toMatchObject({ ok: false, error: { code: 'INVALID_ARGUMENT' } });
    expect(await start(child('run', log, { restart: 'temporary' }))).toMatchObject({
      ok: true,
      ref: { path: '/sup/run' },
    });
    expect(await start(child('c', log))).toMatchObject({ ok: false, error: { code: 'BACKLOG_FULL' } });
    expect(await restart('run')).toMatchObject({ ok: false });
    expect(await restart('a')).toEqual({ ok: true });
    await kit.settle();
    expect(log).toEqual(['+a', '+run', '-a', '+a']);
    expect(kit.system.tree()[0]?.facts).toMatchObject({ restartsInWindow: 0, children: 2 });
    expect(await stop('run')).toEqual({ ok: true });
    expect(log.at(-1)).toBe('-run');
    expect(await stop('run')).toMatchObject({ ok: false });
    expect(await order<readonly ChildStatus[]>(kit, sup, (reply) => ({ kind: 'listChildren', reply }))).toMatchObject([
      { name: 'a', state: 'up', recentRestarts: 0 },
    ]);
  });

  test('orders without a reply are carried out too', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const sup = superviseIn(kit, []);
    sup.tell({ kind: 'startChild', spec: child('a', log) });
    await kit.settle();
    sup.tell({ kind: 'restartChild', name: 'a' });
    await kit.settle();
    sup.tell({ kind: 'stopChild', name: 'a' });
    await kit.settle();
    expect(log).toEqual(['+a', '-a', '+a', '-a']);
  });

  test('a temporary child that ends, however it does, is gone and touches no budget', async () => {
    const kit = createTestKit();
    const sup = superviseIn(kit, [], { intensity: { maxRestarts: 0, windowMs: 1_000 } });
    for (let n = 0; n < 50; n++) {
      const name = `run-${n}`;
      sup.tell({ kind: 'startChild', spec: child(name, [], { restart: 'temporary' }) });
      await kit.settle();
      kit.system.refAt<string>(`/sup/${name}`).tell(n % 2 === 0 ? 'crash' : 'stop');
      await kit.settle();
    }
    expect(kit.system.tree().map((node) => node.path)).toEqual(['/sup']);
  });
});

describe('mistakes of others', () => {
  test('a child that came back after an escalation is registered: its next crash is handled too', async () => {
    const kit = createTestKit();
    const log: string[] = [];
    const inner = supervise({
      strategy: 'one-for-one',
      intensity: { maxRestarts: 0, windowMs: 1_000 },
      children: [child('a', log)],
    });
    superviseIn(kit, [{ name: 'inner', definition: inner, restart: 'permanent', shutdownMs: 'infinity' }]);
    await kit.settle();
    for (let n = 0; n < 3; n++) {
      kit.system.refAt<string>('/sup/inner/a').tell('crash');
      await kit.settle();
    }
    expect(log).toEqual(['+a', '-a', '+a', '-a', '+a', '-a', '+a']);
    const inTree = kit.system.tree().map((node) => `${node.path} ${node.state}`);
    expect(inTree).toEqual(['/sup running', '/sup/inner running', '/sup/inner/a running']);
  });

  test('an inner supervisor does not skip the outer: the failure climbs level by level', async () => {
    const kit = createTestKit();
    const never = { strategy: 'one-for-one' as const, intensity: { maxRestarts: 0, windowMs: 1_000 } };
    const nest = (depth: number): ChildSpec =>
      depth === 0
        ? child('leaf', [])
        : {
            name: `s${depth}`,
            definition: supervise({ ...never, children: [nest(depth - 1)] }),
            restart: 'permanent',
            shutdownMs: 'infinity',
          };
    const sup = superviseIn(kit, [nest(3)], never);
    await kit.settle();
    kit.system.refAt<string>('/sup/s3/s2/s1/leaf').tell('crash');
    const reason = await kit.outcome(kit.system.whenStopped(sup));
    expect(reason.kind).toBe('failed');
    const crashed = kit.events.flatMap((event) => (event.type === 'crashed' ? [event.path] : []));
    expect(crashed).toEqual(['/sup/s3/s2/s1/leaf', '/sup/s3/s2/s1', '/sup/s3/s2', '/sup/s3', '/sup']);
  });

  test('a stop asked for is told only after the actor and its children have ended, not when it was queued', async () => {
    const kit = createTestKit();
    const held = gate();
    const leaf = actor<never>(() => ({ receive: () => undefined, onStop: () => held.opened }));
    const tree = actor<never>((context) => {
      context.spawn('leaf', leaf);
      return { receive: () => undefined };
    });
    const sup = superviseIn(kit, [{ name: 'tree', definition: tree, restart: 'permanent', shutdownMs: 'infinity' }]);
    await kit.settle();
    const probe = kit.probe<OrderReply>();
    sup.tell({ kind: 'stopChild', name: 'tree', reply: probe.ref });
    await probe.expectNoMessage(60_000);
    held.open();
    expect(await probe.expectMessage()).toEqual({ ok: true });
  });

  test('a child that fails its start for ever ends in an escalation, not in a loop', async () => {
    const kit = createTestKit();
    let starts = 0;
    const definition = actor<never>(() => {
      starts++;
      throw new Error('no');
    });
    const sup = superviseIn(kit, [{ name: 'a', definition, restart: 'permanent', shutdownMs: 100 }]);
    expect((await kit.outcome(kit.system.whenStopped(sup))).kind).toBe('failed');
    expect(starts).toBe(4);
  });
});

test('a wrong spec is refused when it is written, not when it is needed', () => {
  const intensity = { maxRestarts: 1, windowMs: 1_000 };
  const spec = (more: Partial<SupervisorSpec>) => () =>
    supervise({ strategy: 'one-for-one', intensity, children: [], ...more });
  expect(spec({ children: [child('a', []), child('a', [])] })).toThrow(/unique/);
  expect(spec({ intensity: { maxRestarts: -1, windowMs: 1 } })).toThrow(/maxRestarts/);
  expect(spec({ intensity: { maxRestarts: 1, windowMs: 0 } })).toThrow(/windowMs/);
  expect(spec({ backoff: { initialMs: 2, maxMs: 1, jitter: 0 } })).toThrow(/backoff/);
  expect(spec({ children: [child('a', [], { intensity })] })).toThrow(/suspend/);
  expect(spec({ children: [child('a', [])], maxChildren: 0 })).toThrow(/at most/);
});
