/** The watermark never says more than what JetStream surely has: a crash while the store stalls loses no event. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

describe('the watermark of a shard', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  const stalledFor = (tries: number): void => {
    shard.fates.push(...Array.from({ length: tries }, () => 'unavailable' as const));
  };

  async function claimed(jobId: JobId): Promise<string> {
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1, ackTo: jobId });
    if (grant.kind !== 'granted') throw new Error(`claim: ${grant.kind}`);
    return grant.token;
  }

  it('stays behind the first of the decisions that one commit writes', async () => {
    const both = shard.sendAll('submit', [{ spec: testSpec() }, { spec: testSpec() }]);
    const [one, other] = (await shard.kit.outcome(both)).map(({ record }) => record.id);
    if (one === undefined || other === undefined) throw new Error('not accepted');
    await shard.kit.advance(60_000);
    // While the commit of one job is on its way, several decisions about the other become one record.
    stalledFor(20);
    shard.fates.push('ok');
    stalledFor(5);
    const runs = [{ jobId: other, token: await claimed(other) }];
    await shard.kit.advance(1_000);
    const token = await claimed(one);
    runs.push({ jobId: one, token });
    for (let beats = 0; beats < 4; beats += 1) {
      await shard.kit.advance(4_000);
      await shard.call('heartbeat', { node: 'n1', runs });
    }
    shard.send('report', { jobId: one, token, outcome: { kind: 'succeeded' } }).catch(() => undefined);
    await shard.kit.settle();
    // The first commit has landed, a watermark was saved, and the second one is on its way.
    await shard.kit.advance(18_500);
    expect(await shard.store.jobs.findJob(other)).toMatchObject({ state: 'RUNNING' });
    expect(await shard.store.jobs.findJob(one)).toMatchObject({ state: 'QUEUED' });
    shard.broker = 'down';
    for (let tries = 0; tries < 60; tries += 1) {
      await shard.kit.advance(100);
      if ((await shard.store.jobs.findJob(one))?.state === 'SUCCEEDED') break;
    }
    expect(await shard.store.jobs.findJob(one)).toMatchObject({ state: 'SUCCEEDED', seq: 3 });
    await shard.stop();
    shard.broker = 'up';
    await shard.start();
    await shard.kit.settle();
    const told = shard.events.filter(({ jobId }) => jobId === one).map(({ seq }) => seq);
    expect([...new Set(told)].sort()).toEqual([1, 2, 3]);
  });

  it.each([3_000, 7_000, 30_000])(
    'of a former owner whose clock is ahead by %i ms counts for nothing once its successor has read one',
    async (aheadMs) => {
      shard.kit.clock.stepWall(aheadMs);
      await shard.kit.advance(60_000);
      const { record: first } = await shard.call('submit', { spec: testSpec() });
      const late = Promise.withResolvers<undefined>();
      const held: number[] = [];
      shard.onWatermark = ({ eventsThroughMs }) => {
        // It speaks of the time after that job: on its way to the store while the shard changes hands.
        if (eventsThroughMs <= first.createdAtMs + 10_000) return Promise.resolve();
        held.push(eventsThroughMs);
        return late.promise;
      };
      while (held.length === 0) await shard.kit.advance(500);
      shard.onWatermark = undefined;
      shard.kit.clock.stepWall(-aheadMs);
      await shard.start();
      late.resolve(undefined);
      await shard.kit.settle();
      // Its successor decides something, and is gone before it has saved a watermark.
      shard.broker = 'down';
      const { record } = await shard.call('submit', { spec: testSpec() });
      await shard.start();
      shard.broker = 'up';
      await shard.kit.advance(3_000);
      expect(shard.events.filter(({ jobId }) => jobId === record.id).map(({ type }) => type)).toEqual(['queued']);
      expect(shard.work.map(({ jobId }) => jobId)).toContain(record.id);
    },
  );
});
