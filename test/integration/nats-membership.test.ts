import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { versionsMax } from '../../src/adapters/nats/shared-config.ts';
import type { NodeInfo } from '../../src/application/ports/membership.ts';
import { eventually, startTestNats, type TestNats } from '../support/nats.ts';

function node(nodeId: string, incarnation = 1): NodeInfo {
  return {
    nodeId,
    incarnation,
    roles: ['workers'],
    weight: 1,
    slots: 2,
    handlers: [],
    draining: false,
    workerClass: 'default',
    version: '1',
  };
}

/** A slow machine may stand still between two steps of a test for less than this, and what must live then lives on. */
const nodeTtlMs = 4_000;
const leaseTtlMs = 4_000;

describe('membership, leases and shared configuration', () => {
  let nats: TestNats;

  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(async () => {
    await nats.stop();
  });

  describe('membership', () => {
    test('an announced node is seen by all, a withdrawn one is gone at once', async () => {
      const [a, b] = await Promise.all([nats.connect({ subjectRoot: 'seen' }), nats.connect({ subjectRoot: 'seen' })]);
      let changes = 0;
      b.membership.onChange(() => (changes += 1));
      await a.membership.announce(node('host.one:1'));
      await eventually(() => b.membership.nodes().length === 1);
      expect(b.membership.nodes()).toEqual([node('host.one:1')]);
      await eventually(() => changes === 1);
      await a.membership.announce(node('host.one:1'));
      await a.membership.announce({ ...node('host.one:1'), draining: true });
      await eventually(() => b.membership.nodes()[0]?.draining === true);
      expect(changes).toBe(2);
      await a.membership.announce({ ...node('host.one:1'), tenants: ['acme', 'shop-*'] });
      await eventually(() => b.membership.nodes()[0]?.tenants?.length === 2);
      expect(b.membership.nodes()[0]?.tenants).toEqual(['acme', 'shop-*']);
      expect(changes).toBe(3);
      await a.membership.withdraw(node('host.one:1'));
      await eventually(() => b.membership.nodes().length === 0);
      expect(changes).toBe(4);
    });

    test('of several incarnations only the newest is shown', async () => {
      const bus = await nats.connect({ subjectRoot: 'incarnations' });
      await bus.membership.announce(node('a', 5));
      await bus.membership.announce(node('a', 4));
      await bus.membership.announce(node('b', 1));
      await eventually(() => bus.membership.nodes().length === 2);
      const shown = bus.membership.nodes().map((one) => `${one.nodeId}#${one.incarnation}`);
      expect(shown.sort()).toEqual(['a#5', 'b#1']);
    });

    test('a node that stops announcing is left out after its ttl, one that goes on is not', async () => {
      const limits = { nodeTtlMs };
      const bus = await nats.connect({ subjectRoot: 'expiry', limits });
      const watcher = await nats.connect({ subjectRoot: 'expiry', limits });
      const lastMs = performance.now();
      await bus.membership.announce(node('dead'));
      await eventually(() => watcher.membership.nodes().some((one) => one.nodeId === 'dead'));
      let notified = 0;
      watcher.membership.onChange(() => (notified += 1));
      await eventually(async () => {
        await bus.membership.announce(node('alive'));
        const shown = watcher.membership.nodes().map((one) => one.nodeId);
        return shown.includes('alive') && !shown.includes('dead');
      });
      expect(performance.now() - lastMs).toBeGreaterThan(nodeTtlMs - 100);
      await eventually(() => notified >= 2);
    });
  });

  describe('an incarnation', () => {
    test('whose key had run out is told so, and never comes back; a new one may', async () => {
      const bus = await nats.connect({ subjectRoot: 'back', limits: { nodeTtlMs } });
      const watcher = await nats.connect({ subjectRoot: 'back', limits: { nodeTtlMs } });
      expect(await bus.membership.announce(node('a', 1))).toBe('present');
      expect(await bus.membership.announce(node('a', 1))).toBe('present');
      await eventually(async () => (await bus.membership.announce(node('b', 1))) === 'present' && watched() === 'b#1');
      expect(await bus.membership.announce(node('a', 1))).toBe('expired');
      expect(await bus.membership.announce(node('a', 2))).toBe('present');
      await eventually(() => watched() === 'a#2 b#1');
      expect(await bus.membership.announce(node('a', 1))).toBe('replaced');

      function watched(): string {
        const shown = watcher.membership.nodes().map(({ nodeId, incarnation }) => `${nodeId}#${incarnation}`);
        return shown.sort().join(' ');
      }
    });

    test('of whose node a newer one is there, in another process, is told so', async () => {
      const [old, young] = await Promise.all([
        nats.connect({ subjectRoot: 'twice' }),
        nats.connect({ subjectRoot: 'twice' }),
      ]);
      await old.membership.announce(node('a', 1));
      await young.membership.announce(node('a', 2));
      await eventually(async () => (await old.membership.announce(node('a', 1))) === 'replaced');
      expect(await young.membership.announce(node('a', 2))).toBe('present');
    });
  });

  describe('leases', () => {
    test('who holds what is seen by all: taken, handed over, run out; a renewal is no news', async () => {
      const limits = { leaseTtlMs };
      const bus = await nats.connect({ subjectRoot: 'holders', limits });
      const watcher = await nats.connect({ subjectRoot: 'holders', limits });
      let news = 0;
      watcher.leases.onChange(() => (news += 1));
      const [one, two] = [await bus.leases.acquire(1, 'a', 1), await bus.leases.acquire(2, 'b.x', 1)];
      if (one === undefined || two === undefined) throw new Error('not acquired');
      await eventually(() => watcher.leases.holders().size === 2);
      expect([...watcher.leases.holders()].sort()).toEqual([
        [1, 'a'],
        [2, 'b.x'],
      ]);
      const before = news;
      const renewed = await bus.leases.renew(two);
      await bus.leases.release(one);
      await eventually(() => !watcher.leases.holders().has(1));
      expect([renewed?.holder, news]).toEqual(['b.x', before + 1]);
      await eventually(() => watcher.leases.holders().size === 0);
      await eventually(() => news === before + 2);
    });

    test('of all who ask at once exactly one gets the shard', async () => {
      const buses = await Promise.all([1, 2, 3, 4].map(() => nats.connect({ subjectRoot: 'race' })));
      for (let shard = 0; shard < 20; shard += 1) {
        const holds = await Promise.all(buses.map((bus, index) => bus.leases.acquire(shard, `node-${index}`, 1)));
        expect(holds.filter((hold) => hold !== undefined)).toHaveLength(1);
      }
    });

    test('a renewed lease stays, an older revision of it still renews, another holder gets nothing', async () => {
      const bus = await nats.connect({ subjectRoot: 'renew', limits: { leaseTtlMs } });
      const first = await bus.leases.acquire(3, 'a', 1);
      if (first === undefined) throw new Error('not acquired');
      let hold = first;
      const endMs = performance.now() + 1.5 * leaseTtlMs;
      while (performance.now() < endMs) {
        const renewed = await bus.leases.renew(hold);
        if (renewed === undefined) throw new Error('lost');
        expect(renewed.revision).toBeGreaterThan(hold.revision);
        hold = renewed;
        expect(await bus.leases.acquire(3, 'b', 9)).toBeUndefined();
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      // As if the answers of all renewals had been lost.
      expect(await bus.leases.renew(first)).toMatchObject({ holder: 'a', incarnation: 1 });
    });

    test('a lease that is not renewed is free after its ttl, never before', async () => {
      const bus = await nats.connect({ subjectRoot: 'free', limits: { leaseTtlMs: 1_000 } });
      const startMs = performance.now();
      const hold = await bus.leases.acquire(1, 'a', 1);
      expect(hold).toBeDefined();
      await eventually(async () => (await bus.leases.acquire(1, 'b', 1))?.holder === 'b');
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(990);
      if (hold !== undefined) expect(await bus.leases.renew(hold)).toBeUndefined();
    });

    test('a new incarnation takes over at once, the old one has lost, a yet older one gets nothing', async () => {
      const [old, young] = await Promise.all([
        nats.connect({ subjectRoot: 'take' }),
        nats.connect({ subjectRoot: 'take' }),
      ]);
      const hold = await old.leases.acquire(2, 'a', 7);
      expect(await young.leases.acquire(2, 'a', 8)).toMatchObject({ incarnation: 8 });
      if (hold === undefined) throw new Error('not acquired');
      expect(await old.leases.renew(hold)).toBeUndefined();
      expect(await old.leases.acquire(2, 'a', 7)).toBeUndefined();
      await old.leases.release(hold);
      expect(await old.leases.acquire(2, 'b', 1)).toBeUndefined();
    });

    test('a released lease is free at once and cannot be renewed', async () => {
      const bus = await nats.connect({ subjectRoot: 'release' });
      const hold = await bus.leases.acquire(4, 'a', 1);
      if (hold === undefined) throw new Error('not acquired');
      await bus.leases.renew(hold);
      await bus.leases.release(hold);
      expect(await bus.leases.renew(hold)).toBeUndefined();
      expect(await bus.leases.acquire(4, 'b', 1)).toMatchObject({ holder: 'b' });
    });
  });

  test('manifests and queue versions reach everyone, late comers too', async () => {
    const bus = await nats.connect({ subjectRoot: 'config' });
    const manifest = { name: 'image.thumb-nail', version: '1.2.0', inputKind: 'json' } as const;
    await bus.config.publishManifest(manifest);
    await bus.config.touchQueue('acme', 'thumbs', 3);
    await bus.config.touchQueue('acme', 'thumbs', 4);
    expect(bus.config.manifestsOf('image.thumb-nail')).toEqual([manifest]);
    const late = await nats.connect({ subjectRoot: 'config' });
    await eventually(() => late.config.queues().get('acme/thumbs') === 4);
    await eventually(() => late.config.manifestsOf('image.thumb-nail').length === 1);
    let changes = 0;
    late.config.onChange(() => (changes += 1));
    await bus.config.touchQueue('acme', 'thumbs', 5);
    await eventually(() => changes === 1);
    expect(late.config.queues().get('acme/thumbs')).toBe(5);
    // Gone for everyone, and there again when it is made anew.
    await late.config.removeQueue('acme', 'thumbs');
    await eventually(() => [bus, late].every(({ config }) => !config.queues().has('acme/thumbs')));
    await bus.config.touchQueue('acme', 'thumbs', 6);
    await eventually(() => late.config.queues().get('acme/thumbs') === 6);
  });

  test('versions of a handler lie side by side; of many the oldest published goes', async () => {
    const [bus, other] = await Promise.all([
      nats.connect({ subjectRoot: 'versions' }),
      nats.connect({ subjectRoot: 'versions' }),
    ]);
    const versions = Array.from({ length: versionsMax + 2 }, (_, n) => `1.${n}.0`);
    const publish = (version: string): Promise<void> =>
      bus.config.publishManifest({ name: 'image.thumb', version, inputKind: 'json' });
    const seen = (on: NatsBus): string[] => on.config.manifestsOf('image.thumb').map(({ version }) => version);
    await publish('1.0.0');
    await other.config.publishManifest({ name: 'image.thumb', version: '1.1.0', inputKind: 'any' });
    await eventually(() => seen(bus).length === 2);
    expect(seen(bus)).toEqual(['1.0.0', '1.1.0']);
    for (const version of versions.slice(2)) await publish(version);
    // A count would be right too early: there are as many before the oldest go.
    const newest = versions.slice(2).join();
    await eventually(() => seen(bus).join() === newest && seen(other).join() === newest);
  });
});
