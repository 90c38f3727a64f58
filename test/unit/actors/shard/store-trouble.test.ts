// A store that takes no writes for a while (a full disk) or does not answer: callers are told so, and all goes on later.
import { beforeEach, describe, expect, it } from 'vitest';
import { testSpec } from '../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../support/shard-harness.ts';

const scheduledSpec = () => testSpec({ runAtMs: 3_600_000_000_000 });
const unavailable = { code: 'STORE_UNAVAILABLE', retryAfterMs: 2_000 };
const unknown = { code: 'OUTCOME_UNKNOWN', retryAfterMs: 2_000 };

describe('a shard whose store takes no writes', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  /** The store refuses some commits, the first of which is of a job that nobody waits for. */
  async function troubled(): Promise<void> {
    shard.fates.push(...Array.from({ length: 8 }, () => 'unavailable' as const));
    shard.send('submit', { spec: testSpec() }).catch(() => undefined);
    await shard.kit.advance(1_000);
  }

  it('refuses a submit at once, says why, and takes it when the store is back', async () => {
    await troubled();
    const askedAtMs = shard.kit.clock.monotonicMs();
    await expect(shard.call('submit', { spec: testSpec() })).rejects.toMatchObject(unavailable);
    expect(shard.kit.clock.monotonicMs()).toBe(askedAtMs);
    await shard.kit.advance(20_000);
    expect(await shard.call('submit', { spec: testSpec() })).toMatchObject({ duplicate: false });
  });

  it('tells who waits for a commit within seconds that nobody knows its outcome, and keeps what was decided', async () => {
    const key = { keyHash: 'aa', contentHash: 'bb' };
    shard.fates.push(...Array.from({ length: 8 }, () => 'unavailable' as const));
    const first = shard.send('submit', { spec: testSpec(), ...key });
    first.catch(() => undefined);
    await shard.kit.advance(3_000);
    await expect(first).rejects.toMatchObject(unknown);
    await shard.kit.advance(20_000);
    expect(await shard.call('submit', { spec: testSpec(), ...key })).toMatchObject({ duplicate: true });
  });

  it('refuses to cancel, reschedule or erase at once, and does so later', async () => {
    const { record } = await shard.call('submit', { spec: scheduledSpec() });
    const ended = await shard.call('submit', { spec: scheduledSpec() });
    await shard.call('cancel', { jobId: ended.record.id, reason: '' });
    await troubled();
    const askedAtMs = shard.kit.clock.monotonicMs();
    const jobId = record.id;
    await expect(shard.call('cancel', { jobId, reason: '' })).rejects.toMatchObject(unavailable);
    await expect(shard.call('reschedule', { jobId, runAtMs: 1 })).rejects.toMatchObject(unavailable);
    await expect(shard.call('erase', { jobId: ended.record.id })).rejects.toMatchObject(unavailable);
    expect(shard.kit.clock.monotonicMs()).toBe(askedAtMs);
    expect((await shard.call('get', { jobId })).record.state).toBe('SCHEDULED');
    await shard.kit.advance(20_000);
    expect((await shard.call('cancel', { jobId, reason: '' })).record.state).toBe('CANCELLED');
  });

  it('sends whoever asks for a job to the store at once while a commit of the job is under way', async () => {
    const { record } = await shard.call('submit', { spec: scheduledSpec() });
    const jobId = record.id;
    shard.fates.push(...Array.from({ length: 8 }, () => 'unavailable' as const));
    const cancel = shard.send('cancel', { jobId, reason: '' });
    cancel.catch(() => undefined);
    await shard.kit.advance(1_000);
    await expect(shard.call('get', { jobId })).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    await shard.kit.advance(20_000);
    await expect(cancel).rejects.toMatchObject(unknown);
    expect((await shard.call('get', { jobId })).record.state).toBe('CANCELLED');
  });

  it('says nothing of a store that only stumbles', async () => {
    shard.fates.push('unavailable', 'unavailable');
    const first = shard.send('submit', { spec: testSpec() });
    await shard.kit.advance(100);
    const second = shard.send('submit', { spec: testSpec() });
    await shard.kit.advance(1_000);
    expect(await Promise.all([first, second])).toMatchObject([{ duplicate: false }, { duplicate: false }]);
  });

  it('lets nobody wait for more than some seconds for a store that does not answer', async () => {
    const { record } = await shard.call('submit', { spec: scheduledSpec() });
    const answer = Promise.withResolvers<undefined>();
    shard.onCommit = () => answer.promise;
    const changes = [
      shard.send('submit', { spec: testSpec() }),
      shard.send('cancel', { jobId: record.id, reason: '' }),
    ];
    const outcomes = Promise.allSettled(changes);
    await shard.kit.advance(1_000);
    const get = shard.send('get', { jobId: record.id });
    get.catch(() => undefined);
    await shard.kit.advance(10_000);
    const errors = (await outcomes).map((outcome): unknown => outcome.status === 'rejected' && outcome.reason);
    expect(errors).toMatchObject([unknown, unknown]);
    await expect(get).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
    answer.resolve(undefined);
    await shard.kit.advance(1_000);
    expect((await shard.call('get', { jobId: record.id })).record.state).toBe('CANCELLED');
  });
});
