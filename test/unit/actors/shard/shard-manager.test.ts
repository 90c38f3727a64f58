import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ActorRef } from '../../../../src/kernel/index.ts';
import {
  handOversMax,
  shardManagerActor,
  type ShardManagerMessage,
} from '../../../../src/actors/shard/shard-manager-actor.ts';
import { createShardMetrics, defaultShardLimits } from '../../../../src/actors/shard/services/shard-services.ts';
import { WorkLooks } from '../../../../src/actors/shard/services/work-looks.ts';
import { DispatchWindows } from '../../../../src/actors/shard/services/dispatch-windows.ts';
import { JobMemory } from '../../../../src/actors/shard/table/job-memory.ts';
import { restMaxMs } from '../../../../src/actors/shard/placement/store-reach.ts';
import { createTestKit, type TestKit } from '../../../../src/kernel/testkit/index.ts';
import { openInlineSqliteStore } from '../../../../src/adapters/sqlite/sqlite-store.ts';
import { createClosedQueueWatch } from '../../../../src/application/queues/closed-queues.ts';
import type { LeaseHold, NodeInfo } from '../../../../src/application/ports/membership.ts';
import type { ShardHandler } from '../../../../src/application/ports/shard-link.ts';
import type { Store } from '../../../../src/application/ports/store.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { testSpec } from '../../../support/jobs.ts';
import { silentLog } from '../../../support/stores.ts';

const shardCount = 12;

function node(nodeId: string, more: Partial<NodeInfo> = {}): NodeInfo {
  const place = { nodeId, incarnation: 1, roles: ['shards'] as const, weight: 1, slots: 0 };
  return { ...place, handlers: [], draining: false, workerClass: 'default', version: '1', ...more };
}

describe('the shardManager of a node', () => {
  let kit: TestKit;
  let store: Store;
  let path: string;
  let shardManager: ActorRef<ShardManagerMessage>;
  let nodes: NodeInfo[];
  let broker: 'up' | 'away';
  let storeIsAway: boolean;
  /** It answers questions all the same. */
  let takesNoCommit: boolean;
  let said: boolean[];
  const holds = new Map<number, LeaseHold>();
  const served = new Map<number, ShardHandler>();
  const listeners = new Set<() => void>();

  beforeEach(async () => {
    kit = createTestKit();
    path = join(tmpdir(), `troupe-shardManager-${randomUUID()}.db`);
    store = await openInlineSqliteStore({ path, clock: kit.clock, log: silentLog, telemetry: kit.telemetry });
    [nodes, broker, storeIsAway, takesNoCommit, said] = [[node('me')], 'up', false, false, []];
    for (const known of [holds, served, listeners]) known.clear();
    shardManager = kit.system.spawn('shard-manager', shardManagerActor(services()));
    await kit.advance(2_000);
  });
  afterEach(async () => {
    await store.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  });

  function services(): Parameters<typeof shardManagerActor>[0] {
    const publish = (): Promise<void> =>
      broker === 'up' ? Promise.resolve() : Promise.reject(new TroupeError('BROKER_UNAVAILABLE'));
    const changed = (): void => {
      for (const listener of listeners) listener();
    };
    const onChange = (listener: () => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    };
    const write = (hold: LeaseHold): Promise<LeaseHold> => {
      const news = holds.get(hold.shard)?.holder !== hold.holder;
      holds.set(hold.shard, hold);
      if (news) changed();
      return Promise.resolve(hold);
    };
    return {
      nodeId: 'me',
      incarnation: 1,
      shardCount,
      tenants: {
        of: () => ({ isStopped: false, weight: 1, isDedicated: false, isEncrypted: false, countsStored: false }),
        changes: () => 0,
      },
      flowRules: {
        prepare: () => Promise.resolve(),
        ruleOf: () => ({}),
        limitOf: () => ({}),
        countsStored: () => false,
        onChange: () => () => undefined,
        look: () => undefined,
      },
      closedQueues: createClosedQueueWatch({ store: store.queues, clock: kit.clock, log: silentLog }),
      workLooks: new WorkLooks(),
      dispatchWindows: new DispatchWindows(),
      memory: new JobMemory(Infinity, kit.telemetry),
      peers: { call: () => Promise.reject(new Error('not expected')) },
      store: new Proxy(store.jobs, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== 'function') return member;
          const away = (): Promise<never> => Promise.reject(new TroupeError('STORE_UNAVAILABLE'));
          const isWrite = ['takeShard', 'openBucket', 'commit'].includes(name as string);
          const fails = (): boolean => storeIsAway || (takesNoCommit && isWrite);
          return (...given: unknown[]) => (fails() ? away() : (member.apply(target, given) as unknown));
        },
      }),
      publisher: {
        publishWork: publish,
        publishEvent: publish,
        acknowledge: () => undefined,
        streams: () => 'one',
        onStreamsReplaced: () => () => undefined,
        onDoubt: () => () => undefined,
        soundAtMs: () => kit.clock.monotonicMs(),
        workStanding: () => Promise.reject(new Error('not expected')),
      },
      server: {
        serveShard(shard, handler) {
          served.set(shard, handler);
          return () => served.delete(shard);
        },
      },
      leases: {
        ttlMs: 6_000,
        acquire: (shard, holder, incarnation) =>
          holds.has(shard) ? Promise.resolve(undefined) : write({ shard, holder, incarnation, revision: 1 }),
        renew: (hold) => (holds.get(hold.shard)?.holder === 'me' ? write(hold) : Promise.resolve(undefined)),
        release: (hold) => {
          holds.delete(hold.shard);
          changed();
          return Promise.resolve();
        },
        holders: () => new Map([...holds].map(([shard, { holder }]) => [shard, holder])),
        onChange,
      },
      membership: { nodes: () => nodes, onChange },
      limits: defaultShardLimits,
      metrics: createShardMetrics(kit.telemetry),
      stopRun: () => undefined,
      onStoreReach: (isAway) => said.push(isAway),
    };
  }

  async function become(...next: NodeInfo[]): Promise<void> {
    nodes = next;
    for (const listener of listeners) listener();
    await kit.settle();
  }
  const mine = (): number => [...holds.values()].filter(({ holder }) => holder === 'me').length;

  /** Something in every shard that NATS does not take: a hand-over then waits for its grace. */
  async function slowHandOvers(): Promise<void> {
    broker = 'away';
    for (const handler of served.values()) {
      const answered = handler('submit', [{ spec: testSpec() }]);
      await kit.outcome(answered, 1_000);
    }
  }

  it('owns every shard while it is alone, and half of them when an equal one has joined', async () => {
    expect([mine(), served.size]).toEqual([shardCount, shardCount]);
    await become(node('me'), node('other'));
    await kit.advance(2_000);
    expect([mine(), served.size]).toEqual([shardCount / 2, shardCount / 2]);
  });

  it(`hands over ${handOversMax} at a time: the others are served meanwhile`, async () => {
    await slowHandOvers();
    await become(node('me'), node('other', { weight: 11 }));
    const steps = new Set([served.size]);
    for (let ms = 0; ms < 20_000; ms += 250) {
      await kit.advance(250);
      steps.add(served.size);
    }
    expect([...steps]).toEqual([8, 4, 1]);
    expect([mine(), served.size]).toEqual([1, 1]);
  });

  it('a node that drains gives its shards to the others, and keeps them while there is none', async () => {
    await become(node('me', { draining: true }));
    await kit.advance(10_000);
    expect(mine()).toBe(shardCount);
    await become(node('me', { draining: true }), node('other'));
    await kit.advance(2_000);
    expect([mine(), served.size]).toEqual([0, 0]);
  });

  it('the order to drain releases all, at last', async () => {
    let drained = false;
    shardManager.tell({ kind: 'drain', done: () => (drained = true) });
    await kit.advance(3_000);
    expect([drained, mine(), served.size]).toEqual([true, 0, 0]);
  });

  it('leaves what a live node holds alone, and takes what a dead one held', async () => {
    await become(node('me'), node('other'));
    await kit.advance(2_000);
    for (let shard = 0; shard < shardCount; shard += 1) {
      if (!holds.has(shard)) holds.set(shard, { shard, holder: 'other', incarnation: 1, revision: 1 });
    }
    await kit.advance(2_000);
    expect(mine()).toBe(shardCount / 2);
    for (const [shard, { holder }] of holds) if (holder === 'other') holds.delete(shard);
    await become(node('me'));
    await kit.advance(2_000);
    expect(mine()).toBe(shardCount);
  });

  it('keeps what it holds while its own key is not heard of, and stops what another took', async () => {
    await become(node('other'));
    await kit.advance(1_000);
    expect(mine()).toBeGreaterThanOrEqual(shardCount / 2);
    holds.set(0, { shard: 0, holder: 'other', incarnation: 1, revision: 9 });
    await kit.advance(4_000);
    expect(served.has(0)).toBe(false);
  });

  it('cut off from the store alone, gives its shards up after a lease and a bit, and takes none before it is back for good', async () => {
    await become(node('me'), node('other', { weight: 1e-9 }));
    await kit.advance(2_000);
    expect([mine(), served.size]).toEqual([shardCount, shardCount]);
    storeIsAway = true;
    await kit.advance(4_000);
    expect([mine(), said]).toEqual([shardCount, []]);
    await kit.advance(6_500);
    expect([mine(), served.size, said]).toEqual([0, 0, [true]]);
    storeIsAway = false;
    await kit.advance(20_000);
    storeIsAway = true;
    await kit.advance(2_500);
    storeIsAway = false;
    await kit.advance(29_000);
    expect([mine(), said]).toEqual([0, [true]]);
    await kit.advance(4_000);
    expect([mine(), served.size, said]).toEqual([shardCount, shardCount, [true, false]]);
  });

  /** A job that one of the shards cannot commit. */
  async function submitInVain(): Promise<void> {
    takesNoCommit = true;
    const [handler] = served.values();
    void handler?.('submit', [{ spec: testSpec() }]);
    await kit.settle();
  }

  it('gives its shards up when the store answers, and takes no commit for longer than a lease', async () => {
    await become(node('me'), node('other', { weight: 1e-9 }));
    await kit.advance(2_000);
    await submitInVain();
    await kit.advance(4_000);
    expect([mine(), said]).toEqual([shardCount, []]);
    await kit.advance(6_500);
    expect([mine(), served.size, said]).toEqual([0, 0, [true]]);
    takesNoCommit = false;
    await kit.advance(25_000);
    expect([mine(), said]).toEqual([0, [true]]);
    await kit.advance(8_000);
    expect([mine(), served.size, said]).toEqual([shardCount, shardCount, [true, false]]);
  });

  it('keeps shards that have nothing to commit, and goes by the last commit of all', async () => {
    await become(node('me'), node('other', { weight: 1e-9 }));
    takesNoCommit = true;
    await kit.advance(60_000);
    expect([mine(), said]).toEqual([shardCount, []]);
    await submitInVain();
    await kit.advance(4_000);
    takesNoCommit = false;
    await kit.advance(3_000);
    await submitInVain();
    await kit.advance(4_000);
    expect([mine(), said]).toEqual([shardCount, []]);
  });

  it('tries a store that refuses everybody ever more rarely', async () => {
    await become(node('me'), node('other', { weight: 1e-9 }));
    await kit.advance(2_000);
    await submitInVain();
    const backAtMs: number[] = [];
    for (let ms = 0; ms < 3_600_000; ms += 1_000) {
      await kit.advance(1_000);
      if (said.filter((isAway) => !isAway).length > backAtMs.length) backAtMs.push(ms);
    }
    const waits = backAtMs.map((ms, n) => ms - (backAtMs[n - 1] ?? 0));
    // A rest, and a lease and a half of trying.
    expect(waits.slice(0, 5).map((ms) => Math.floor(ms / 30_000))).toEqual([1, 2, 4, 8, 16]);
    expect(waits.slice(5).every((ms) => ms > restMaxMs && ms < restMaxMs + 60_000)).toBe(true);
    expect(waits.length).toBeGreaterThan(7);
  });

  it('leaves everything where it is while no node gets a commit through', async () => {
    await become(node('me'), node('other', { weight: 1e-9, storeAway: true }));
    await submitInVain();
    await kit.advance(60_000);
    expect([mine(), said]).toEqual([shardCount, [true]]);
    takesNoCommit = false;
    await kit.advance(29_000);
    expect(said).toEqual([true]);
    await kit.advance(5_000);
    expect([mine(), said]).toEqual([shardCount, [true, false]]);
  });

  it('keeps its shards when nobody reaches the store, and serves them as soon as somebody does', async () => {
    storeIsAway = true;
    await kit.advance(30_000);
    await become(node('me'), node('other', { weight: 1e-9, storeAway: true }));
    await kit.advance(30_000);
    expect([mine(), said]).toEqual([shardCount, [true]]);
    storeIsAway = false;
    await kit.advance(10_500);
    expect([mine(), served.size]).toEqual([shardCount, shardCount]);
  });

  it('takes over what a node that is cut off from the store has given up, and nothing is placed there', async () => {
    await become(node('me'), node('other', { storeAway: true }));
    for (let shard = 0; shard < 4; shard += 1) {
      await kit.advance(1_000);
      holds.set(shard, { shard, holder: 'other', incarnation: 1, revision: 2 });
    }
    await kit.advance(8_000);
    expect(mine()).toBe(shardCount - 4);
    for (const [shard, { holder }] of holds) if (holder === 'other') holds.delete(shard);
    await kit.advance(2_000);
    expect([mine(), served.size]).toEqual([shardCount, shardCount]);
  });

  it('carries its leases over into a new incarnation, without a restart of their shards', async () => {
    const before = new Map(served);
    shardManager.tell({ kind: 'rejoined', incarnation: 7 });
    await kit.advance(4_000);
    expect([...holds.values()].every(({ incarnation }) => incarnation === 7)).toBe(true);
    expect(served).toEqual(before);
  });
});
