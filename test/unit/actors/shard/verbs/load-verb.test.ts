// What a shard tells autoscalers: by queue and need what waits, by node what runs, in virtual time on a real store.
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { noLoad } from '../../../../../src/domain/demand.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

describe('the load of a shard', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  async function submit(overrides: Partial<JobSpec> = {}): Promise<JobId> {
    return (await shard.call('submit', { spec: testSpec({ handler: 'a', ...overrides }) })).record.id;
  }

  async function claim(jobId: JobId, node: string): Promise<string> {
    const grant = await shard.call('claim', { jobId, node, epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    return grant.token;
  }

  it('is empty without jobs', async () => {
    expect(await shard.call('load', {})).toEqual(noLoad);
  });

  it('follows each job from QUEUED to its end, and forgets what nothing needs any more', async () => {
    const place = { tenant: 'default', queue: 'default', handler: 'a' };
    const [first, second] = [await submit(), await submit()];
    await submit({ handlerVersion: '>=2' });
    await submit({ queue: 'other', handler: 'b' });
    await submit({ runAtMs: shard.kit.clock.nowMs() + 60_000 });
    const token = await claim(first, 'n1');
    await claim(second, 'n2');
    const waiting = [
      { ...place, version: '>=2', jobs: 1 },
      { ...place, queue: 'other', handler: 'b', jobs: 1 },
    ];
    const running = [
      { ...place, node: 'n1', jobs: 1 },
      { ...place, node: 'n2', jobs: 1 },
    ];
    expect(await shard.call('load', {})).toEqual({ ...noLoad, waiting, running });
    await shard.call('report', { jobId: first, token, outcome: { kind: 'succeeded' } });
    expect(await shard.call('load', {})).toEqual({ ...noLoad, waiting, running: running.slice(1) });
    await shard.call('cancel', { jobId: second, reason: '' });
    expect((await shard.call('load', {})).running).toEqual(running.slice(1));
  });

  it('counts a job that is due later once its time has come', async () => {
    await submit({ runAtMs: shard.kit.clock.nowMs() + 1_000 });
    expect(await shard.call('load', {})).toEqual(noLoad);
    await shard.kit.advance(2_000);
    expect((await shard.call('load', {})).waiting).toMatchObject([{ handler: 'a', jobs: 1 }]);
  });

  it('is the same after a recovery', async () => {
    await submit();
    await submit({ handlerVersion: '1.0.0' });
    await claim(await submit({ queue: 'other' }), 'n1');
    // A grant waits for company before it is durable.
    await shard.kit.advance(1_000);
    const before = await shard.call('load', {});
    await shard.start();
    const after = await shard.call('load', {});
    expect(new Set(after.waiting)).toEqual(new Set(before.waiting));
    expect(after.running).toEqual(before.running);
  });

  it('tells which wait for nothing but their concurrency key', async () => {
    shard.setRule('default', {});
    for (let n = 0; n < 4; n += 1) await submit({ concurrencyKey: 'k' });
    await shard.kit.advance(2_000);
    const { waiting, heldByKey } = await shard.call('load', {});
    expect(waiting).toMatchObject([{ jobs: 4 }]);
    expect(heldByKey).toEqual([{ tenant: 'default', queue: 'default', jobs: 3 }]);
  });
});
