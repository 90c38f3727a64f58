/**
 * A shard actor in virtual time on a real embedded store. The store can be made to fail, and the publisher records.
 * Calling `start` again simulates a crash and a recovery.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsNames } from '../../src/adapters/nats/names.ts';
import { openInlineSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { createClosedQueueWatch } from '../../src/application/queues/closed-queues.ts';
import {
  type JobEvent,
  type Publisher,
  type WorkRoute,
  routeOfWork,
  type WorkMessage,
} from '../../src/application/ports/bus.ts';
import type { JobStore, UnfinishedList, Watermark } from '../../src/application/ports/job-store.ts';
import type { ShardHandler } from '../../src/application/ports/shard-link.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type { QuotaItem, ShardVerb, ShardVerbs, TenantQuotaItem } from '../../src/application/ports/shard-protocol.ts';
import { shardActor } from '../../src/actors/shard/shard-actor.ts';
import type { ShardMessage } from '../../src/actors/shard/services/shard-message.ts';
import { WorkLooks } from '../../src/actors/shard/services/work-looks.ts';
import { DispatchWindows } from '../../src/actors/shard/services/dispatch-windows.ts';
import { JobMemory } from '../../src/actors/shard/table/job-memory.ts';
import {
  createShardMetrics,
  defaultShardLimits,
  outboxMaxFor,
  type StopRun,
} from '../../src/actors/shard/services/shard-services.ts';
import type { ActorRef } from '../../src/kernel/index.ts';
import { createTestKit, type TestKit } from '../../src/kernel/testkit/index.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { FlowRule } from '../../src/domain/flow-rule.ts';
import type { LimitRule } from '../../src/domain/quota-account.ts';
import { silentLog } from './stores.ts';

/** The fates of the next commits. After the end of the list commits succeed. */
export type CommitFate = 'ok' | 'done-but-unknown' | 'lost-and-unknown' | 'unavailable';

export interface ShardHarness {
  readonly kit: TestKit;
  readonly store: Store;
  readonly fates: CommitFate[];
  readonly work: WorkMessage[];
  readonly events: JobEvent[];
  readonly acks: string[];
  readonly stops: (StopRun & { readonly node: string })[];
  broker: 'up' | 'down';
  lease: boolean;
  /** Requests for quota leases that reached the home of a limit. */
  readonly asked: QuotaItem[];
  /** Questions about limits of tenants. */
  readonly askedOfTenants: TenantQuotaItem[];
  /** Homes refuse the question about a tenant, as those of an earlier version do. */
  refusesTenants: boolean;
  /** Shards that do not answer how much of a limit they use. */
  readonly silentShards: Set<number>;
  /** Homes of these concurrency keys do not answer: a question ends at its deadline. */
  readonly silentKeys: Set<string>;
  /** Handlers that no live node offers. */
  readonly missing: Set<string>;
  /** Nodes that do not take jobs of the tenant. */
  readonly otherNodes: Set<string>;
  /** Handlers that not every live node offers. */
  readonly rare: Set<string>;
  /** Versions that every live node offers. Others only some offer. */
  readonly spread: Set<string>;
  /** Whether key lookups succeed. */
  /** Reads and writes of what ended jobs keep. */
  kept: 'up' | 'down';
  keys: 'up' | 'down';
  /** Whether key writes succeed. */
  keyWrites: 'up' | 'down';
  /** Whether records can be read by their ids. `slow`: the answers are in transit for some seconds. */
  reads: 'up' | 'down' | 'slow';
  /** Called before keys are stored. */
  onKeyWrite: (() => void) | undefined;
  /** Called with each watermark before it is saved. */
  onWatermark: ((watermark: Watermark) => Promise<void>) | undefined;
  /** Called before each list of unfinished jobs is written. */
  onList: ((list: UnfinishedList) => void) | undefined;
  /** Called before each group commit. */
  onCommit: (() => Promise<void>) | undefined;
  /** Called before each partition is read at a recovery. */
  onRead: (() => Promise<void>) | undefined;
  /** The key hashes of each lookup. */
  readonly keyQuestions: (readonly string[])[];
  readonly workLooks: WorkLooks;
  readonly memory: HarnessMemory;
  /** The routes of each inspection of the work stream. */
  readonly looks: (readonly WorkRoute[])[];
  /** Called while the result of such an inspection is in transit. */
  onLook: (() => Promise<void>) | undefined;
  streams: string;
  /** Flow rules by queue. A queue without an entry has no rule. */
  readonly rules: Map<string, FlowRule>;
  /** Limits of tenants, by tenant. Set one with `setLimit`. */
  readonly limits: Map<string, LimitRule>;
  /** Tenants with a quota of stored bytes. */
  readonly countedTenants: Set<string>;
  setRule(queue: string, rule: FlowRule): void;
  setLimit(tenant: string, rule: LimitRule): void;
  start(): Promise<ActorRef<ShardMessage>>;
  stop(): Promise<void>;
  replaceStreams(): void;
  /** The stream loses these messages without notice. */
  lose(messages: readonly WorkMessage[]): void;
  /** JetStream may have lost what it confirmed last. */
  doubt(): void;
  call<V extends ShardVerb>(verb: V, item: ShardVerbs[V]['item']): Promise<ShardVerbs[V]['result']>;
  /** Sends without waiting for the answer. */
  send<V extends ShardVerb>(verb: V, item: ShardVerbs[V]['item']): Promise<ShardVerbs[V]['result']>;
  /** Sends the items as one message, as the gateway does with requests that arrive together. */
  sendAll<V extends ShardVerb>(
    verb: V,
    items: readonly ShardVerbs[V]['item'][],
  ): Promise<readonly ShardVerbs[V]['result'][]>;
  close(): Promise<void>;
}

/** Memory whose shortage a test may set. */
class HarnessMemory extends JobMemory {
  /** Undefined: as much as is used decides. */
  tight: boolean | undefined;
  /** Decides instead, each time somebody asks. */
  onTight: (() => boolean) | undefined;

  override get isTight(): boolean {
    return this.onTight?.() ?? this.tight ?? super.isTight;
  }
}

/** How long the answers of slow reads are in transit. */
const slowReadMs = 1_500;

const names = natsNames('test');

export const harnessShard = 3;
export const harnessBacklogMax = 300;
/** Of one tenant alone. */
export const harnessTenantMax = 270;
export const harnessOutboxMax = outboxMaxFor(harnessBacklogMax);
export const harnessUndurableMax = 400;

export interface ShardHarnessOptions {
  readonly seed?: number;
  /** The number of facts not yet synced by JetStream that are remembered in full. Default: the production value. */
  readonly unsyncedMax?: number;
  readonly backlogMax?: number;
  /** Default: the windows of production. */
  readonly dispatchWindows?: DispatchWindows;
  /** Default: no bound. */
  readonly memoryMaxBytes?: number;
  /** From so many bytes on, jobs that are far from their turn become cold. Default: a share of the bound. */
  readonly memoryTightBytes?: number;
}

export async function createShardHarness(options: ShardHarnessOptions = {}): Promise<ShardHarness> {
  const kit = createTestKit(options.seed === undefined ? {} : { seed: options.seed });
  const path = join(tmpdir(), `troupe-shard-${randomUUID()}.db`);
  const store = await openInlineSqliteStore({ path, clock: kit.clock, log: silentLog, telemetry: kit.telemetry });
  let handler: ShardHandler | undefined;
  let running: ActorRef<ShardMessage> | undefined;
  let lives = 0;
  const listeners = new Set<(streams: string) => void>();
  const doubters = new Set<() => void>();
  const gone = new Set<WorkMessage>();
  const saved: SavedWatermarks = new Map();
  let isInDoubt = false;
  let soundAtMs = kit.clock.monotonicMs();
  const ruleListeners = new Set<(tenant: string, queue: string) => void>();
  const queuesAsked = new Set<string>();

  const harness: ShardHarness = {
    kit,
    store,
    fates: [],
    work: [],
    events: [],
    acks: [],
    stops: [],
    broker: 'up',
    lease: true,
    asked: [],
    askedOfTenants: [],
    refusesTenants: false,
    silentShards: new Set(),
    silentKeys: new Set(),
    missing: new Set(),
    otherNodes: new Set(),
    rare: new Set(),
    spread: new Set(),
    kept: 'up',
    keys: 'up',
    keyWrites: 'up',
    reads: 'up',
    onKeyWrite: undefined,
    onWatermark: undefined,
    onList: undefined,
    onRead: undefined,
    onCommit: undefined,
    keyQuestions: [],
    looks: [],
    onLook: undefined,
    workLooks: new WorkLooks(),
    memory: new HarnessMemory(options.memoryMaxBytes ?? Infinity, kit.telemetry, options.memoryTightBytes),
    streams: 'one',
    rules: new Map(),
    limits: new Map(),
    countedTenants: new Set(),
    setRule(queue, rule) {
      harness.rules.set(queue, rule);
      for (const listener of ruleListeners) listener('default', queue);
    },
    setLimit(tenant, rule) {
      harness.limits.set(tenant, rule);
      for (const listener of ruleListeners) for (const queue of queuesAsked) listener(tenant, queue);
    },
    async start() {
      await harness.stop();
      lives += 1;
      const ref = kit.system.spawn(`shard-${lives}`, shardActor(harnessShard, services()));
      running = ref;
      // A recovery in slices goes on at timers that are due at once.
      await kit.advance(0);
      return ref;
    },
    async stop() {
      if (running !== undefined) kit.system.stop(running);
      running = undefined;
      await kit.settle();
    },
    replaceStreams() {
      harness.streams = `${harness.streams}'`;
      for (const listener of listeners) listener(harness.streams);
    },
    lose(messages) {
      for (const message of messages) gone.add(message);
    },
    doubt() {
      isInDoubt = true;
      for (const listener of [...doubters]) listener();
      isInDoubt = false;
    },
    call: (verb, item) => kit.outcome(harness.send(verb, item), 1_000),
    async send<V extends ShardVerb>(verb: V, item: ShardVerbs[V]['item']) {
      const [result] = await harness.sendAll(verb, [item]);
      if (result === undefined) throw new Error('no result');
      return result;
    },
    async sendAll(verb, items) {
      if (handler === undefined) throw new TroupeError('SHARD_UNAVAILABLE');
      const results = await handler(verb, items);
      return results.map((result) => {
        if ('error' in result) throw TroupeError.fromWire(result.error);
        return result.ok;
      });
    },
    async close() {
      await harness.stop();
      await store.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    },
  };

  function services(): Parameters<typeof shardActor>[1] {
    return {
      nodeId: 'owner',
      store: faulty(store.jobs, harness, saved, kit.clock),
      publisher,
      server: {
        serveShard(_shard, given) {
          handler = given;
          return () => {
            if (handler === given) handler = undefined;
          };
        },
      },
      limits: {
        ...defaultShardLimits,
        ...(options.unsyncedMax !== undefined && { unsyncedMax: options.unsyncedMax }),
        recentMax: 50,
        backlogMax: options.backlogMax ?? harnessBacklogMax,
        outboxMax: outboxMaxFor(options.backlogMax ?? harnessBacklogMax),
        undurableMax: harnessUndurableMax,
      },
      metrics: createShardMetrics(kit.telemetry),
      stopRun: (node, stop) => harness.stops.push({ ...stop, node }),
      everyNodeHas: ({ handler: name, version }) =>
        !harness.rare.has(name) && (version === undefined || harness.spread.has(version)),
      someNodeHas: ({ handler: name }) => !harness.missing.has(name),
      nodeTakes: (nodeId) => !harness.otherNodes.has(nodeId),
      fleetState: () => JSON.stringify([harness.missing, harness.rare, harness.spread].map((names) => [...names])),
      shardCount: 4,
      flowRules: {
        prepare: () => Promise.resolve(),
        look: () => undefined,
        ruleOf(_tenant, queue) {
          queuesAsked.add(queue);
          return harness.rules.get(queue) ?? {};
        },
        limitOf: (tenant) => harness.limits.get(tenant) ?? {},
        countsStored: (tenant) => harness.countedTenants.has(tenant),
        onChange(listener) {
          ruleListeners.add(listener);
          return () => ruleListeners.delete(listener);
        },
      },
      closedQueues: createClosedQueueWatch({ store: store.queues, clock: kit.clock, log: silentLog }),
      // This shard is the home of every limit; the other shards use nothing.
      peers: {
        call: async (shard, verb, item, { deadlineAtMs = 0 }) => {
          if (verb === 'limitUse' && harness.silentShards.has(shard)) throw new TroupeError('SHARD_UNAVAILABLE');
          if (verb === 'limitUse' && shard !== harnessShard) return { uses: [] } as never;
          if (verb === 'leaseTenantQuota') {
            if (harness.refusesTenants) throw new TroupeError('SHARD_UNAVAILABLE');
            harness.askedOfTenants.push(item as TenantQuotaItem);
          }
          if (verb === 'leaseQuota') {
            const question = item as QuotaItem;
            harness.asked.push(question);
            if (harness.silentKeys.has(question.key ?? '')) {
              const waitMs = deadlineAtMs - kit.clock.nowMs();
              await new Promise<void>((resolve) => kit.clock.setTimer(waitMs, resolve));
              throw new TroupeError('SHARD_UNAVAILABLE');
            }
          }
          return harness.send(verb, item);
        },
      },
      leaseIsSure: () => harness.lease,
      workLooks: harness.workLooks,
      dispatchWindows: options.dispatchWindows ?? new DispatchWindows(),
      memory: harness.memory,
      write: (write) => write(),
    };
  }

  async function publish(then: () => void): Promise<void> {
    await Promise.resolve();
    if (harness.broker === 'down') throw new TroupeError('BROKER_UNAVAILABLE');
    then();
  }
  const publisher: Publisher = {
    // A repeated publish is a separate message, because the first one may be lost.
    publishWork: (message) => publish(() => harness.work.push({ ...message })),
    publishEvent: (event) => publish(() => harness.events.push(event)),
    acknowledge: (ackTo) => harness.acks.push(ackTo),
    streams: () => harness.streams,
    onStreamsReplaced(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onDoubt(listener) {
      doubters.add(listener);
      return () => doubters.delete(listener);
    },
    soundAtMs: () => (harness.broker === 'up' && !isInDoubt ? (soundAtMs = kit.clock.monotonicMs()) : soundAtMs),
    async workStanding(routes) {
      harness.looks.push(routes);
      await publish(() => undefined);
      const firsts = routes.map((route) => {
        const subject = names.workSubject(route);
        const isThere = (one: WorkMessage): boolean =>
          !gone.has(one) && names.workSubject(routeOfWork(one)) === subject;
        const at = harness.work.findIndex(isThere);
        return at < 0 ? undefined : at + 1;
      });
      const last = harness.work.length;
      await harness.onLook?.();
      return { last, firsts };
    },
  };
  return harness;
}

/** A harness whose shard is already serving. */
export async function startShardHarness(): Promise<ShardHarness> {
  const harness = await createShardHarness();
  await harness.start();
  return harness;
}

/**
 * Watermarks as Cassandra keeps them: the newest epoch that has saved one wins, and until then an older epoch may still
 * write.
 */
type SavedWatermarks = Map<number, { readonly epoch: number; readonly watermark: Watermark }>;

function faulty(
  jobs: JobStore,
  harness: Pick<
    ShardHarness,
    | 'fates'
    | 'kept'
    | 'keys'
    | 'keyQuestions'
    | 'keyWrites'
    | 'onCommit'
    | 'onKeyWrite'
    | 'onList'
    | 'onRead'
    | 'onWatermark'
    | 'reads'
  >,
  saved: SavedWatermarks,
  clock: TestKit['clock'],
): JobStore {
  return new Proxy(jobs, {
    get(target, name) {
      if (name === 'saveWatermark') {
        return async (shard: number, epoch: number, watermark: Watermark) => {
          await harness.onWatermark?.(watermark);
          if (epoch >= (saved.get(shard)?.epoch ?? 0)) saved.set(shard, { epoch, watermark });
        };
      }
      if (name === 'takeShard') {
        return async (shard: number, owner: string) => {
          const { epoch } = await target.takeShard(shard, owner);
          const present = saved.get(shard);
          return present === undefined ? { epoch } : { epoch, watermark: present.watermark };
        };
      }
      if (name === 'findKept' || name === 'saveKept') {
        if (harness.kept === 'down') return () => Promise.reject(new TroupeError('STORE_UNAVAILABLE'));
        return Reflect.get(target, name);
      }
      if (name === 'listUnfinished') {
        return async (...given: Parameters<JobStore['listUnfinished']>) => {
          harness.onList?.(given[1]);
          await target.listUnfinished(...given);
        };
      }
      if (name === 'readBucket') {
        return async function* (...given: Parameters<JobStore['readBucket']>) {
          await harness.onRead?.();
          yield* target.readBucket(...given);
        };
      }
      if (name === 'findJobs') {
        return async (...given: Parameters<JobStore['findJobs']>) => {
          if (harness.reads === 'down') throw new TroupeError('STORE_UNAVAILABLE');
          const found = await target.findJobs(...given);
          if (harness.reads === 'slow') await new Promise<void>((resolve) => clock.setTimer(slowReadMs, resolve));
          return found;
        };
      }
      if (name === 'findKeys') {
        return (shard: number, keyHashes: readonly string[]) => {
          harness.keyQuestions.push(keyHashes);
          if (harness.keys === 'down') return Promise.reject(new TroupeError('STORE_UNAVAILABLE'));
          return target.findKeys(shard, keyHashes);
        };
      }
      if (name === 'putKeys') {
        return async (...given: Parameters<JobStore['putKeys']>) => {
          harness.onKeyWrite?.();
          if (harness.keyWrites === 'down') throw new TroupeError('STORE_UNAVAILABLE');
          await target.putKeys(...given);
        };
      }
      if (name !== 'commit') {
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      }
      return async (group: Parameters<JobStore['commit']>[0]) => {
        await harness.onCommit?.();
        const fate = harness.fates.shift() ?? 'ok';
        if (fate === 'unavailable') throw new TroupeError('STORE_UNAVAILABLE');
        if (fate === 'lost-and-unknown') throw new TroupeError('OUTCOME_UNKNOWN');
        const outcome = await target.commit(group);
        if (fate === 'done-but-unknown') throw new TroupeError('OUTCOME_UNKNOWN');
        return outcome;
      };
    },
  });
}
