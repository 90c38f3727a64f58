// A key is in the store once its job is over, and never forgotten before: store failures, crashes, sealing, its bound.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import {
  harnessShard,
  harnessUndurableMax,
  type ShardHarness,
  startShardHarness,
} from '../../../../support/shard-harness.ts';

const keyed = (keyHash: string, contentHash = 'content'): SubmitItem => ({ spec: testSpec(), keyHash, contentHash });

describe('the key of a job', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  const accepted = async (key: string): Promise<JobId> => {
    const { record, duplicate } = await shard.call('submit', keyed(key));
    expect(duplicate).toBe(false);
    return record.id;
  };
  const ended = async (key: string): Promise<JobId> => {
    const jobId = await accepted(key);
    await shard.call('cancel', { jobId, reason: '' });
    return jobId;
  };
  /** Of calls that come together. */
  const endedTogether = async (keys: readonly string[]): Promise<readonly JobId[]> => {
    const submits = shard.sendAll(
      'submit',
      keys.map((key) => keyed(key)),
    );
    const jobs = (await shard.kit.outcome(submits, 1_000)).map(({ record }) => record.id);
    await shard.kit.outcome(
      shard.sendAll(
        'cancel',
        jobs.map((jobId) => ({ jobId, reason: '' })),
      ),
      1_000,
    );
    return jobs;
  };
  const stored = async (...keys: readonly string[]): Promise<readonly unknown[]> => {
    const found = await shard.store.jobs.findKeys(harnessShard, keys);
    return keys.map((key) => found.get(key)?.jobId);
  };
  const holds = async (key: string, jobId: JobId): Promise<void> => {
    expect(await shard.call('submit', keyed(key))).toMatchObject({ duplicate: true, record: { id: jobId } });
    await expect(shard.call('submit', keyed(key, 'another'))).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  };

  it('is not written before its job is over, and a second later it is', async () => {
    const [waits, over] = [await accepted('waits'), await ended('over')];
    await shard.kit.advance(1_000);
    expect(await stored('waits', 'over')).toEqual([undefined, over]);
    await holds('waits', waits);
    await holds('over', over);
  });

  it('is known to the next owner, whether the job was over or not, and is written then', async () => {
    shard.keyWrites = 'down';
    const [waits, over] = [await accepted('waits'), await ended('over')];
    await shard.kit.advance(3_000);
    await shard.start();
    await holds('waits', waits);
    await holds('over', over);
    await shard.kit.advance(3_000);
    expect(await stored('over')).toEqual([undefined]);
    shard.keyWrites = 'up';
    await shard.kit.advance(1_000);
    expect(await stored('waits', 'over')).toEqual([undefined, over]);
  });

  it('keeps its partition open until it is written; after that the store alone knows it', async () => {
    shard.keyWrites = 'down';
    const jobId = await ended('k');
    await shard.kit.advance(6 * 60_000);
    expect(await shard.store.jobs.openBuckets(harnessShard)).toHaveLength(1);
    shard.keyWrites = 'up';
    await shard.kit.advance(2_000);
    expect(await shard.store.jobs.openBuckets(harnessShard)).toEqual([]);
    await shard.start();
    shard.keyQuestions.length = 0;
    await holds('k', jobId);
    expect(shard.keyQuestions[0]).toEqual(['k']);
  });

  it('is written many at a time, and however many wait, each of them', async () => {
    const count = 1_203;
    const keys = Array.from({ length: count }, (_, n) => `k${n}`);
    const jobs: JobId[] = [];
    for (let n = 0; n < count; n += 200) {
      await shard.kit.advance(1_000);
      jobs.push(...(await endedTogether(keys.slice(n, n + 200))));
    }
    await shard.start();
    await shard.kit.advance(1_000);
    expect(await stored(...keys)).toEqual(jobs);
  });

  it('that cannot be written counts as undurable: past the bound submits are refused, until it is written', async () => {
    shard.keyWrites = 'down';
    const keys = Array.from({ length: harnessUndurableMax }, (_, n) => `k${n}`);
    for (let n = 0; n < keys.length; n += 200) await endedTogether(keys.slice(n, n + 200));
    await expect(shard.call('submit', { spec: testSpec() })).rejects.toMatchObject({ code: 'OVERLOADED' });
    shard.keyWrites = 'up';
    await shard.kit.advance(1_000);
    expect((await shard.call('submit', { spec: testSpec() })).duplicate).toBe(false);
  });

  it('is not answered for by an owner that may be none any more, nor by a job that is not durable', async () => {
    await accepted('k');
    shard.lease = false;
    for (const item of [keyed('k'), keyed('k', 'another')]) {
      await expect(shard.call('submit', item)).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    }
    shard.lease = true;
    shard.fates.push('unavailable');
    const first = shard.send('submit', keyed('new'));
    let isRefused = false;
    const second = shard.send('submit', keyed('new', 'another')).catch((error: unknown) => {
      isRefused = true;
      return error;
    });
    await shard.kit.settle();
    expect(isRefused).toBe(false);
    await shard.kit.advance(1_000);
    expect((await first).duplicate).toBe(false);
    expect(await second).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});
