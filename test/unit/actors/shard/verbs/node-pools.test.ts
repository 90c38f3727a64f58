/** A job starts on a node that takes its tenant, whoever claims it, and is lost to nobody. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../../../src/application/ports/shard-protocol.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

describe('a claim of a node that does not take the tenant', () => {
  let shard: ShardHarness;
  beforeEach(async () => {
    shard = await startShardHarness();
    shard.otherNodes.add('wrong');
    return () => shard.close();
  });

  const claim = (jobId: JobId, node: string): Promise<ClaimResult> =>
    shard.call('claim', { jobId, node, epoch: 1, ackTo: `ack-of-${node}` });

  it('is refused as often as it comes: the message goes back, and another node starts the job', async () => {
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(100);
    for (let n = 0; n < 5; n += 1) expect(await claim(record.id, 'wrong')).toEqual({ kind: 'later' });
    await shard.kit.advance(30_000);
    expect(shard.acks).toEqual([]);
    expect(shard.work).toHaveLength(1);
    expect(await claim(record.id, 'right')).toMatchObject({ kind: 'granted', attempt: 1 });
    await shard.kit.advance(100);
    expect(shard.acks).toEqual(['ack-of-right']);
  });

  it('is refused also for a job that may start only once', async () => {
    const retry = { ...testSpec().retry, maxAttempts: 1 };
    const { record } = await shard.call('submit', { spec: testSpec({ retry }) });
    await shard.kit.advance(100);
    expect(await claim(record.id, 'wrong')).toEqual({ kind: 'later' });
    expect(await shard.kit.outcome(claim(record.id, 'right'), 1_000)).toMatchObject({ kind: 'granted' });
  });

  it('is refused for each attempt, not only for the first', async () => {
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(100);
    const first = await claim(record.id, 'right');
    const token = first.kind === 'granted' ? first.token : '';
    await shard.call('report', { jobId: record.id, token, outcome: { kind: 'released' } });
    await shard.kit.advance(60_000);
    expect(await claim(record.id, 'wrong')).toEqual({ kind: 'later' });
    expect(await claim(record.id, 'right')).toMatchObject({ kind: 'granted' });
  });

  it('takes the message away once the job needs it no more', async () => {
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(100);
    await shard.call('cancel', { jobId: record.id, reason: '' });
    await shard.kit.advance(1_000);
    expect(await claim(record.id, 'wrong')).toEqual({ kind: 'drop' });
  });
});
