import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createQueueRoom, type QueueRoom } from '../../../../src/application/queues/queue-room.ts';
import { statsMaxAgeMs, statsPatienceMs } from '../../../../src/application/protocol/cluster-stats.ts';
import { createQueueStatsReader, type QueueStatsReader } from '../../../../src/application/queues/queue-stats.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { defaultQueueSettings, type Queue } from '../../../../src/domain/queue.ts';
import { noStats } from '../../../../src/domain/queue-stats.ts';
import { createManualClock } from '../manual-clock.ts';

function queueWith(limits: { readonly maxDepth?: number; readonly maxBytes?: number }): Queue {
  const settings = { ...defaultQueueSettings, ...limits };
  return { tenant: 'default', name: 'q', queueNo: 1, settings, version: 1, createdAtMs: 0, updatedAtMs: 0 };
}

/** Several gateways before one shard. */
function setUp(gateways = 1) {
  const clock = createManualClock();
  const shard = { jobs: 0, bytes: 0, perSecond: 0, asked: 0, counting: Promise.resolve() };
  const call = async () => {
    shard.asked += 1;
    await shard.counting;
    return { ...noStats, later: shard.jobs, openBytes: shard.bytes, startsPerSecond: shard.perSecond };
  };
  const batcher = { call: call as unknown as ShardBatcher['call'] };
  const all = Array.from({ length: gateways }, () => {
    const stats = createQueueStatsReader({ batcher, shardCount: 1, clock });
    return { stats, room: createQueueRoom({ stats, clock, random: () => 0 }) };
  });
  const [{ room, stats }] = all as [{ room: QueueRoom; stats: QueueStatsReader }];
  return { clock, shard, rooms: all.map((gateway) => gateway.room), room, stats };
}

async function refusal(entering: Promise<unknown>): Promise<TroupeError> {
  const error: unknown = await entering.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TroupeError)) throw new Error('it was let in');
  return error;
}

describe('the room of a queue', () => {
  it('is asked of nobody while the queue has no limit', async () => {
    const { room, shard } = setUp();
    await room.enter(queueWith({}), 1e9);
    expect(shard.asked).toBe(0);
  });

  it('is full at its depth: nothing was done, and when there is room again is said', async () => {
    const { room, shard } = setUp();
    Object.assign(shard, { jobs: 12, perSecond: 2 });
    expect(await refusal(room.enter(queueWith({ maxDepth: 10 }), 1))).toMatchObject({
      code: 'QUEUE_FULL',
      retryAfterMs: 1_500,
      metadata: { queue: 'q', limit: 'max_depth', max: '10', held: '12' },
    });
  });

  it('is full at its bytes, and never has any for what is larger', async () => {
    const { room, shard } = setUp();
    Object.assign(shard, { jobs: 1, bytes: 900 });
    await room.enter(queueWith({ maxBytes: 1_000 }), 100);
    expect(await refusal(room.enter(queueWith({ maxBytes: 1_000 }), 1))).toMatchObject({
      code: 'QUEUE_FULL',
      metadata: { limit: 'max_bytes' },
    });
    expect(await refusal(room.enter(queueWith({ maxBytes: 1_000 }), 1_001))).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      violations: [{ field: 'job.input' }],
    });
  });

  it('of one gateway is exact among submits at once', async () => {
    const { room } = setUp();
    const queue = queueWith({ maxDepth: 10 });
    const entered = await Promise.allSettled(Array.from({ length: 50 }, () => room.enter(queue, 1)));
    expect(entered.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  it('counts a job once that was accepted before the shards were asked, in the same moment too', async () => {
    const { room, shard, stats } = setUp();
    const queue = queueWith({ maxDepth: 2 });
    const leave = await room.enter(queue, 1);
    shard.jobs = 1;
    leave();
    expect((await stats.read('default', 'q', 0)).stats.later).toBe(1);
    await room.enter(queue, 1);
    expect((await refusal(room.enter(queue, 1))).metadata).toMatchObject({ held: '2' });
  });

  it.each([0, 1])(
    'counts a job that is accepted while the shards are asked, of which they counted %i',
    async (seen) => {
      const { room, shard, stats } = setUp();
      const queue = queueWith({ maxDepth: 2 });
      const leave = await room.enter(queue, 1);
      const counted = Promise.withResolvers<undefined>();
      shard.counting = counted.promise;
      const asking = stats.read('default', 'q', 0);
      leave();
      shard.jobs = seen;
      counted.resolve(undefined);
      await asking;
      if (seen === 0) await room.enter(queue, 1);
      else expect((await refusal(room.enter(queue, 1))).metadata).toMatchObject({ held: '2' });
    },
  );

  it('counts exactly what is submitted one after the other, whenever the shards are asked', async () => {
    const step = fc.record({ passedMs: fc.nat(700), maxAgeMs: fc.nat(1_200), submits: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 20 }), async (max, steps) => {
        const { room, shard, stats, clock } = setUp();
        const queue = queueWith({ maxDepth: max });
        for (const { passedMs, maxAgeMs, submits } of steps) {
          clock.advance(passedMs);
          for (let submit = 0; submit < submits; submit += 1) {
            if (shard.jobs >= max) {
              expect((await refusal(room.enter(queue, 1))).metadata).toMatchObject({ held: String(max) });
              continue;
            }
            const leave = await room.enter(queue, 1);
            shard.jobs += 1;
            leave();
          }
          await stats.read('default', 'q', maxAgeMs);
        }
      }),
    );
  });

  it('counts a job that begins while very many other queues are asked about', async () => {
    const { room, shard } = setUp();
    const queue = queueWith({ maxDepth: 1 });
    const counted = Promise.withResolvers<undefined>();
    shard.counting = counted.promise;
    const entering = room.enter(queue, 1);
    const others = Array.from({ length: 1_000 }, (_, n) => room.enter({ ...queue, name: `q${n}` }, 1));
    counted.resolve(undefined);
    await Promise.all([entering, ...others]);
    expect((await refusal(room.enter(queue, 1))).metadata).toMatchObject({ held: '1' });
  });

  it('opens soon after the queue has drained, not when the statistics are old', async () => {
    const { room, shard, clock } = setUp();
    const queue = queueWith({ maxDepth: 1 });
    shard.jobs = 1;
    await refusal(room.enter(queue, 1));
    shard.jobs = 0;
    clock.advance(100);
    await room.enter(queue, 1);
  });

  it('is overshot by no more than others let in meanwhile, and never by one gateway alone', async () => {
    const step = fc.record({ gateway: fc.nat(2), passedMs: fc.nat(700), started: fc.nat(3), submits: fc.nat(4) });
    const steps = fc.array(step, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 12 }),
        steps,
        async (gateways, max, all) => {
          const { rooms, shard, clock } = setUp(gateways);
          const queue = queueWith({ maxDepth: max });
          const letIn: { readonly gateway: number; readonly atMs: number }[] = [];
          for (const { passedMs, started, submits, gateway: any } of all) {
            clock.advance(passedMs);
            shard.jobs = Math.max(0, shard.jobs - started);
            const gateway = any % gateways;
            const nowMs = clock.monotonicMs();
            for (let submit = 0; submit < submits; submit += 1) {
              const leave = await rooms[gateway]?.enter(queue, 1).catch(() => undefined);
              if (leave === undefined) continue;
              shard.jobs += 1;
              leave();
              letIn.push({ gateway, atMs: nowMs });
              const unseen = letIn.filter(
                (other) => other.gateway !== gateway && nowMs - other.atMs <= statsMaxAgeMs + statsPatienceMs,
              );
              expect(shard.jobs).toBeLessThanOrEqual(max + unseen.length);
            }
          }
        },
      ),
    );
  });
});
