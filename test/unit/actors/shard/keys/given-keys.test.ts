// The idempotency key of a submit that was answered with another job: it is that job's from then on, durably.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { harnessShard, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

const windowMs = 60_000;
const item = (keyHash?: string, contentHash = 'content', window = true): SubmitItem => ({
  spec: testSpec({ unique: { key: 'u', onConflict: 'return-existing', ...(window && { windowMs }) } }),
  ...(keyHash !== undefined && { keyHash, contentHash }),
});
const reused = { code: 'IDEMPOTENCY_KEY_REUSED' };

describe('a key that was answered with the job of another submit', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  const submitted = async (...given: Parameters<typeof item>): Promise<JobId> =>
    (await shard.call('submit', item(...given))).record.id;
  const cancelled = (jobId: JobId): Promise<unknown> => shard.call('cancel', { jobId, reason: '' });
  async function succeeded(jobId: JobId): Promise<void> {
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    await shard.call('report', { jobId, token: grant.token, outcome: { kind: 'succeeded' } });
  }
  /** The same call is the same job, also after a crash and when its unique key is free; another content is refused. */
  async function isKept(key: string, jobId: JobId): Promise<void> {
    for (const start of [false, true]) {
      if (start) await shard.start();
      expect(await shard.call('submit', item(key))).toMatchObject({ duplicate: true, record: { id: jobId } });
      await expect(shard.call('submit', item(key, 'other'))).rejects.toMatchObject(reused);
    }
  }

  it('is that of the unfinished job, before its end and after', async () => {
    const holder = await submitted('first', 'content', false);
    expect(await submitted('second', 'content', false)).toBe(holder);
    expect((await shard.store.jobs.findKeys(harnessShard, ['second'])).get('second')?.jobId).toBe(holder);
    await isKept('second', holder);
    await cancelled(holder);
    await isKept('second', holder);
    await isKept('first', holder);
    expect(await submitted('third', 'content', false)).not.toBe(holder);
  });

  it('is that of the ended job whose window is not over, also when it is', async () => {
    const holder = await submitted();
    await succeeded(holder);
    expect(await submitted('second')).toBe(holder);
    await shard.kit.advance(windowMs + 1_000);
    await isKept('second', holder);
    expect(await submitted('third')).not.toBe(holder);
  });

  it('is not answered before it is stored; without an answer nothing is said of it', async () => {
    const holder = await submitted();
    shard.keyWrites = 'down';
    await expect(shard.call('submit', item('second'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    shard.keyWrites = 'up';
    expect(await submitted('second', 'other')).toBe(holder);
    await expect(shard.call('submit', item('second'))).rejects.toMatchObject(reused);
  });

  it('is not answered by an owner that may be none any more', async () => {
    await submitted();
    shard.onKeyWrite = () => {
      shard.lease = false;
    };
    await expect(shard.call('submit', item('second'))).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('is decided once, when calls with other contents come together', async () => {
    const holder = await submitted();
    const calls = ['a', 'b', 'a', 'b'].map((content) => shard.send('submit', item('second', content)));
    const answers = await shard.kit.outcome(Promise.allSettled(calls), 5_000);
    const first = answers.findIndex(({ status }) => status === 'fulfilled');
    for (const [at, answer] of answers.entries()) {
      if (at % 2 === first % 2) expect(answer).toMatchObject({ value: { duplicate: true, record: { id: holder } } });
      else expect(answer).toMatchObject({ reason: reused });
    }
  });

  it('waits for its key when the job ends meanwhile: there is one job, not two', async () => {
    const holder = await submitted('first', 'content', false);
    shard.onKeyWrite = () => {
      shard.onKeyWrite = undefined;
      void cancelled(holder);
    };
    const calls = [
      shard.send('submit', item('second', 'content', false)),
      shard.send('submit', item('second', 'content', false)),
    ];
    const answers = await shard.kit.outcome(Promise.all(calls), 5_000);
    expect(new Set(answers.map(({ record }) => record.id))).toEqual(new Set([holder]));
  });

  it('costs one write for all of a message', async () => {
    const holder = await submitted();
    let writes = 0;
    shard.onKeyWrite = () => {
      writes += 1;
    };
    const many = Array.from({ length: 200 }, (_, n) => item(`k${n}`));
    const answers = await shard.kit.outcome(shard.sendAll('submit', many), 5_000);
    expect([new Set(answers.map(({ record }) => record.id)), writes]).toEqual([new Set([holder]), 1]);
  });
});
