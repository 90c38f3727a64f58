import { describe, expect, it } from 'vitest';
import { createExplainJob } from '../../../../src/application/jobs/explain-job.ts';
import type { QueueMark } from '../../../../src/application/ports/queue-quarantines.ts';
import { createQueueStatsReader } from '../../../../src/application/queues/queue-stats.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { PlaceResult } from '../../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { noStats, type QueueStats } from '../../../../src/domain/queue-stats.ts';
import { decide } from '../../../../src/domain/transitions.ts';
import type { Tenant } from '../../../../src/domain/tenant.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const clock = createManualClock();
const nowMs = clock.nowMs();

interface Cluster {
  readonly place?: PlaceResult | 'away';
  /** Of each of its two shards. */
  readonly stats?: Partial<QueueStats>;
  readonly marks?: readonly Partial<QueueMark>[];
  readonly hasHandler?: boolean;
  readonly hasNodes?: boolean;
  readonly tenant?: Partial<Tenant>;
}

function explainIn({ place = {}, stats = {}, marks = [], hasHandler = true, hasNodes = true, tenant }: Cluster) {
  const call = async (_shard: number, verb: string): Promise<unknown> => {
    if (verb === 'queueStats') return { ...noStats, ...stats };
    if (place === 'away') throw new TroupeError('SHARD_UNAVAILABLE');
    return place;
  };
  const batcher = { call: call as ShardBatcher['call'] };
  return createExplainJob({
    batcher,
    clock,
    stats: createQueueStatsReader({ batcher, shardCount: 2, clock }),
    quarantines: { of: () => marks as readonly QueueMark[] },
    fleet: { someNodeHas: () => hasHandler, someNodeTakes: () => hasNodes },
    known: { lastSeen: () => tenant as Tenant | undefined },
  });
}

const queued = testRecord({}, { nowMs });
const backlog = { waiting: [0, 0, 50, 0, 0], oldestReadyAtMs: nowMs - 60_000, startsPerSecond: 5 };

describe('a job that asks why it waits', () => {
  it('is told its place, stretched to all shards, and when its turn should come', async () => {
    const told = await explainIn({ place: { before: 20, waiting: 50 }, stats: backlog })({ record: queued });
    expect(told).toMatchObject({ reason: 'BEHIND_OTHERS', ahead: 40 });
    expect(told?.eta?.p50Ms).toBeGreaterThan(3_500);
    expect(told?.eta?.p50Ms).toBeLessThan(4_500);
    expect(told?.eta?.p90Ms).toBeGreaterThan(told?.eta?.p50Ms ?? Infinity);
  });

  it('is told what is known while the owner of its shard is away', async () => {
    expect(await explainIn({ place: 'away', stats: backlog })({ record: queued })).toEqual({
      reason: 'BEHIND_OTHERS',
      detail: 'it waits for a free slot',
    });
  });

  it('is told that its whole tenant is paused', async () => {
    const tenant = { state: 'PAUSED' } as const;
    expect(await explainIn({ place: { heldBy: 'pause' }, stats: backlog, tenant })({ record: queued })).toEqual({
      reason: 'QUEUE_PAUSED',
      detail: 'its queue is paused: the whole tenant is',
    });
  });

  it('is told that its tenant has as many jobs running as its quota allows, and no time', async () => {
    const tenant = { quotas: { runningJobs: 3 } };
    expect(await explainIn({ place: { heldBy: 'tenant' }, stats: backlog, tenant })({ record: queued })).toEqual({
      reason: 'TENANT_QUOTA',
      detail: 'its tenant is at its quota of running jobs: 3 at a time',
    });
  });

  it('is told that no node takes its tenant, before the handler that none of them has', async () => {
    const place = { before: 0, waiting: 1 };
    expect(await explainIn({ place, hasHandler: false, hasNodes: false, stats: backlog })({ record: queued })).toEqual({
      reason: 'NO_NODE_TAKES_TENANT',
      detail: 'no live node takes jobs of tenant default',
      ahead: 0,
    });
  });

  it('is told of what somebody must do first, and no time', async () => {
    const place = { before: 0, waiting: 1 };
    expect(await explainIn({ place, hasHandler: false, stats: backlog })({ record: queued })).toMatchObject({
      reason: 'NO_NODE_HAS_HANDLER',
      detail: 'no live node has test.echo',
    });
    const marks = [{ node: 'n1', reason: 'crashes there' }, { reason: 'by hand' }];
    const told = await explainIn({ place, marks, stats: backlog })({ record: queued });
    expect(told).toMatchObject({ reason: 'QUEUE_QUARANTINED', detail: 'its queue is in quarantine: by hand' });
    expect(told).not.toHaveProperty('eta');
    expect(await explainIn({ place, marks: [{ node: 'n1', reason: 'x' }] })({ record: queued })).toMatchObject({
      reason: 'BEHIND_OTHERS',
    });
  });

  it('that is due later is told when, and how long the queue takes now', async () => {
    const later = testRecord({ runAtMs: nowMs + 10_000 }, { nowMs });
    expect(await explainIn({})({ record: later })).toMatchObject({
      reason: 'DUE_LATER',
      eta: { p50Ms: 10_000, p90Ms: 10_000 },
    });
    const told = await explainIn({ stats: backlog })({ record: later });
    expect(told?.eta?.p50Ms).toBeGreaterThan(19_000);
  });

  it('runs: there is nothing to tell', async () => {
    const claimed = decide(queued, { kind: 'claim', node: 'n', token: 't' }, nowMs, 0);
    if (claimed.kind !== 'changed') throw new Error('refused');
    expect(await explainIn({})({ record: claimed.record })).toBeUndefined();
    // A node has it, and cannot begin.
    expect(await explainIn({})({ record: claimed.record, waitsForKeys: true })).toMatchObject({
      reason: 'KEY_UNAVAILABLE',
    });
  });
});
