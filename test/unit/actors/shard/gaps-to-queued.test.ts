/**
 * A crash of the owner in the gap between two steps: the record says QUEUED, its WORK message was not sent. Every edge into
 * QUEUED is walked by a job that has waited so long that its place in the line lies far behind the watermark.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ReportItem } from '../../../../src/application/ports/shard-protocol.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { edges } from '../../../../src/domain/state-machine.ts';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

/** Longer than the watermark and its margin are behind. */
const longMs = 120_000;

let shard: ShardHarness;

beforeEach(async () => {
  shard = await startShardHarness();
  return () => shard.close();
});

async function submitted(overrides: Partial<JobSpec> = {}): Promise<JobId> {
  return (await shard.call('submit', { spec: testSpec(overrides) })).record.id;
}

/** Queued, dispatched, and waiting since long ago; then claimed, its message acknowledged. */
async function claimed(overrides: Partial<JobSpec> = {}): Promise<{ jobId: JobId; token: string }> {
  const jobId = await submitted(overrides);
  await shard.kit.advance(longMs);
  const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1, ackTo: jobId });
  if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
  await shard.kit.advance(3_000);
  expect(shard.acks).toContain(jobId);
  return { jobId, token: grant.token };
}

async function ended(outcome: ReportItem['outcome']): Promise<JobId> {
  const { jobId, token } = await claimed();
  shard.broker = 'down';
  await shard.call('report', { jobId, token, outcome });
  return jobId;
}

const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;

/** By edge: brings a job over it while JetStream takes nothing. */
const walks: Readonly<Record<string, () => Promise<JobId>>> = {
  'new accept': async () => {
    shard.broker = 'down';
    return submitted();
  },
  'SCHEDULED due': async () => {
    const jobId = await submitted({ runAtMs: shard.kit.clock.nowMs() + longMs });
    await shard.kit.advance(longMs - 5_000);
    shard.broker = 'down';
    await shard.kit.advance(6_000);
    return jobId;
  },
  'SCHEDULED reschedule': async () => {
    const jobId = await submitted({ runAtMs: shard.kit.clock.nowMs() + 100 * longMs });
    await shard.kit.advance(longMs);
    shard.broker = 'down';
    await shard.call('reschedule', { jobId });
    return jobId;
  },
  'RUNNING stopped': () => ended({ kind: 'stopped' }),
  'RUNNING released': () => ended({ kind: 'released' }),
  'RUNNING lost': () => ended({ kind: 'lost', blame: 'unknown' }),
  'RETRYING due': async () => {
    const { jobId, token } = await claimed();
    await shard.call('report', { jobId, token, outcome: { kind: 'failed', failure, retryable: true } });
    shard.broker = 'down';
    await shard.kit.advance(10_000);
    return jobId;
  },
  'RETRYING reschedule': async () => {
    const retry = { maxAttempts: 3, initialMs: 1_000_000, coefficient: 1, maxMs: 1_000_000 };
    const { jobId, token } = await claimed({ retry });
    await shard.call('report', { jobId, token, outcome: { kind: 'failed', failure, retryable: true } });
    await shard.kit.advance(3_000);
    shard.broker = 'down';
    await shard.call('reschedule', { jobId });
    return jobId;
  },
};

/** The same edges taken in other ways, or with something between job and dispatch. */
const more: Readonly<Record<string, () => Promise<JobId>>> = {
  'the repetition of an ended job': async () => {
    const { jobId, token } = await claimed();
    await shard.call('report', { jobId, token, outcome: { kind: 'failed', failure, retryable: false } });
    shard.broker = 'down';
    return submitted({ retryOf: jobId });
  },
  'a silent node': async () => {
    const { jobId } = await claimed();
    shard.broker = 'down';
    await shard.kit.advance(10_000);
    return jobId;
  },
  'a hand-over between the return and the dispatch': async () => {
    const jobId = await ended({ kind: 'released' });
    await shard.start();
    await shard.kit.advance(longMs);
    return jobId;
  },
  'a limiter that has let it go': async () => {
    shard.setRule('default', { maxRunning: 5 });
    return ended({ kind: 'released' });
  },
  'a queue that is paused': async () => {
    const { jobId, token } = await claimed();
    shard.setRule('default', { paused: true });
    await shard.call('report', { jobId, token, outcome: { kind: 'released' } });
    await shard.kit.advance(longMs);
    shard.rules.delete('default');
    return jobId;
  },
};

describe('the owner dies before the WORK message of', () => {
  it('every edge into QUEUED', () => {
    const known = edges.flatMap((edge) =>
      edge.to === 'QUEUED' ? [`${'from' in edge ? edge.from : 'new'} ${edge.by}`] : [],
    );
    expect(Object.keys(walks).sort()).toEqual(known.sort());
  });

  it.each([...Object.entries(walks), ...Object.entries(more)])('%s: its successor sends it', async (_edge, walk) => {
    const jobId = await walk();
    expect(await shard.store.jobs.findJob(jobId)).toMatchObject({ state: 'QUEUED' });
    const { length } = shard.work;
    await shard.stop();
    shard.broker = 'up';
    await shard.start();
    // A limiter asks the home of its limit first.
    await shard.kit.advance(500);
    expect(shard.work.slice(length)).toMatchObject([{ jobId }]);
  });
});
