// Deleting a queue step by step: what is closed, what is opened again, and what is left when a step fails.
import { beforeEach, describe, expect, it } from 'vitest';
import { createDeleteQueue } from '../../../../src/application/queues/delete-queue.ts';
import type { QueueStore } from '../../../../src/application/ports/queue-store.ts';
import type { ClusterQueueStats } from '../../../../src/application/queues/queue-stats.ts';
import type { ShardVerb, UnfinishedJobs } from '../../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { defaultQueueSettings, type Queue, type QueueClosing } from '../../../../src/domain/queue.ts';
import { noStats } from '../../../../src/domain/queue-stats.ts';
import { StoreExtras } from '../../../support/simulation/store-extras.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock } from '../manual-clock.ts';

const shardCount = 3;
const none: UnfinishedJobs = { waiting: 0, later: 0, running: 0 };

describe('deleting a queue', () => {
  const clock = createManualClock();
  let store: StoreExtras;
  let queue: Queue;
  let closing: QueueClosing;
  /** What each shard answers to `closeQueue`. */
  let answers: (UnfinishedJobs | TroupeError)[];
  let waiting: number;
  let told: { readonly shard: number; readonly verb: ShardVerb }[];
  let retired: string[];
  /** Runs when all shards have answered. */
  let meanwhile: () => void;

  beforeEach(() => {
    store = new StoreExtras();
    const input = { tenant: 'default', name: 'old', settings: defaultQueueSettings, nowMs: 1 };
    ({ queue } = store.createQueue(input));
    closing = { tenant: 'default', name: 'old', queueNo: queue.queueNo, version: 1 };
    [answers, waiting, told, retired] = [Array.from({ length: shardCount }, () => none), 0, [], []];
    meanwhile = () => undefined;
  });

  const port: QueueStore = {
    createQueue: async (input) => store.createQueue(input),
    findQueue: async (tenant, name) => store.queues.get(`${tenant}/${name}`),
    listQueues: async (tenant) => store.listQueues(tenant),
    updateQueue: async (input) => store.updateQueue(input),
    closeQueue: async (it) => store.closeQueue(it),
    closedQueues: async () => [...store.closed.values()],
    openQueue: async (it) => store.openQueue(it),
    async removeQueue(it) {
      meanwhile();
      return store.removeQueue(it);
    },
  };
  const remove = createDeleteQueue({
    store: port,
    shardCount,
    clock,
    log: silentLog,
    catalog: { announce: async () => undefined, retire: async ({ name }) => void retired.push(name) },
    stats: {
      read: async () => ({ stats: { ...noStats, waiting: [0, 0, waiting, 0, 0] } }) as unknown as ClusterQueueStats,
    },
    batcher: {
      async call(shard, verb) {
        told.push({ shard, verb });
        const answer = verb === 'closeQueue' ? answers[shard] : { kind: 'open' };
        if (answer instanceof TroupeError) throw answer;
        // The store knew before any shard was asked.
        if (verb === 'closeQueue') expect([...store.closed.values()]).toEqual([closing]);
        return answer as never;
      },
    },
  });
  const run = () => remove({ tenant: 'default', signal: new AbortController().signal } as never, 'old');
  const toldOf = (verb: ShardVerb) => told.filter((one) => one.verb === verb).map(({ shard }) => shard);

  it('closes it on every shard, and only then takes it away', async () => {
    await run();
    expect(toldOf('closeQueue')).toEqual([0, 1, 2]);
    expect(store.queues.size).toBe(0);
    expect(retired).toEqual(['old']);
    // Whoever takes a shard over must know of it still.
    expect([...store.closed.values()]).toEqual([closing]);
    await expect(run()).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('closes nothing while the statistics show jobs', async () => {
    waiting = 2;
    await expect(run()).rejects.toMatchObject({ code: 'QUEUE_NOT_EMPTY', metadata: { waiting: '2', running: '0' } });
    expect(told).toEqual([]);
    expect(store.closed.size).toBe(0);
  });

  it('opens it again when a shard has jobs, as another version', async () => {
    answers[1] = { waiting: 0, later: 3, running: 1 };
    await expect(run()).rejects.toMatchObject({
      code: 'QUEUE_NOT_EMPTY',
      metadata: { queue: 'old', waiting: '0', later: '3', running: '1' },
    });
    expect(toldOf('openQueue')).toEqual([0, 1, 2]);
    expect(store.closed.size).toBe(0);
    expect(store.queues.get('default/old')).toEqual({ ...queue, version: 2, updatedAtMs: clock.nowMs() });
    expect(retired).toEqual([]);
  });

  it('opens it again when a shard does not answer', async () => {
    answers[2] = new TroupeError('SHARD_UNAVAILABLE');
    await expect(run()).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    expect(store.closed.size).toBe(0);
    expect(store.queues.get('default/old')?.version).toBe(2);
  });

  it('gives up when the queue is changed meanwhile', async () => {
    meanwhile = () => void store.updateQueue({ ...closing, settings: queue.settings, expectedVersion: 1, nowMs: 9 });
    await expect(run()).rejects.toMatchObject({ code: 'QUEUE_VERSION_CONFLICT' });
    expect(store.queues.get('default/old')?.version).toBe(2);
    expect(store.closed.size).toBe(0);
  });

  it('goes on where a gateway died between two steps', async () => {
    store.closeQueue(closing);
    await run();
    expect(store.queues.size).toBe(0);
  });

  it('does not open what another gateway has deleted meanwhile', async () => {
    answers[0] = new TroupeError('SHARD_UNAVAILABLE');
    store.closeQueue(closing);
    const failing = run();
    store.removeQueue(closing);
    await expect(failing).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    expect([...store.closed.values()]).toEqual([closing]);
    expect(toldOf('openQueue')).toEqual([]);
  });
});
