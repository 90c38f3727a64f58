// One unfinished job for a unique key: each way of meeting its holder, crashes in between, and waiting that has a bound.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import type { UniqueConflict } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const unique = (onConflict: UniqueConflict, key = 'k', more: Partial<SubmitItem> = {}): SubmitItem => ({
  spec: testSpec({ unique: { key, onConflict } }),
  ...more,
});

describe('a unique key', () => {
  let shard: ShardHarness;
  let holder: JobId;

  beforeEach(async () => {
    shard = await createShardHarness();
    await shard.start();
    holder = (await shard.call('submit', unique('reject'))).record.id;
  });
  afterEach(async () => {
    await shard.close();
  });

  async function start(jobId: JobId): Promise<string> {
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    return grant.token;
  }
  const succeed = (jobId: JobId, token: string) =>
    shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
  const stateOf = async (jobId: JobId) => (await shard.call('get', { jobId })).record.state;

  it('is refused to others while its holder is unfinished, also after a recovery; then it is free', async () => {
    const refusal = { code: 'UNIQUE_KEY_TAKEN', metadata: { jobId: holder, state: 'QUEUED' } };
    await expect(shard.call('submit', unique('reject'))).rejects.toMatchObject(refusal);
    await shard.start();
    await expect(shard.call('submit', unique('reject'))).rejects.toMatchObject(refusal);
    expect((await shard.call('submit', unique('reject', 'other'))).duplicate).toBe(false);
    await succeed(holder, await start(holder));
    const next = await shard.call('submit', unique('reject'));
    expect([next.duplicate, next.record.id === holder]).toEqual([false, false]);
  });

  it('of another tenant is another key', async () => {
    const { spec } = unique('reject');
    const other = await shard.call('submit', { spec: { ...spec, tenant: 'other' } });
    expect(other.record.id).not.toBe(holder);
  });

  it('may lead to its holder', async () => {
    const found = await shard.call('submit', unique('return-existing'));
    expect(found).toMatchObject({ duplicate: true, record: { id: holder } });
  });

  it('of a job in a queue that is closed to the caller is taken: the job is neither named nor touched', async () => {
    const token = await start(holder);
    for (const onConflict of ['reject', 'return-existing', 'replace-waiting', 'replace'] as const) {
      const { spec } = unique(onConflict);
      const item = { spec: { ...spec, queue: 'reports' }, onlyIn: ['reports*'] };
      const refusal: unknown = await shard.call('submit', item).catch((error: unknown) => error);
      expect(refusal, onConflict).toMatchObject({ code: 'UNIQUE_KEY_TAKEN', metadata: {} });
      expect(JSON.stringify(refusal)).not.toContain(holder);
    }
    expect([await stateOf(holder), shard.stops]).toEqual(['RUNNING', []]);
    const asked = shard.send('submit', { ...unique('replace'), onlyIn: ['reports*', testSpec().queue] });
    await shard.kit.settle();
    expect(await stateOf(holder)).toBe('CANCELLING');
    await shard.call('report', { jobId: holder, token, outcome: { kind: 'stopped' } });
    expect((await shard.kit.outcome(asked, 1_000)).duplicate).toBe(false);
  });

  it('leaves an idempotency key to a job in another queue, and a caller without that queue is not led there', async () => {
    const keyed = { ...unique('return-existing'), keyHash: 'request', contentHash: 'c' };
    expect((await shard.call('submit', keyed)).record.id).toBe(holder);
    const closed = { ...keyed, onlyIn: ['reports*'] };
    const refusal: unknown = await shard.call('submit', closed).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', metadata: {} });
    expect(JSON.stringify(refusal)).not.toContain(holder);
  });

  it('changes hands from a job that waits, which is cancelled first; not from one that runs', async () => {
    const { record } = await shard.call('submit', unique('replace-waiting'));
    expect([record.state, await stateOf(holder)]).toEqual(['QUEUED', 'CANCELLED']);
    await start(record.id);
    await shard.kit.advance(100);
    await expect(shard.call('submit', unique('replace-waiting'))).rejects.toMatchObject({ code: 'UNIQUE_KEY_TAKEN' });
    expect(await stateOf(record.id)).toBe('RUNNING');
  });

  it('changes hands from a running job once its code is gone', async () => {
    const token = await start(holder);
    const asked = shard.send('submit', unique('replace'));
    await shard.kit.settle();
    expect(await stateOf(holder)).toBe('CANCELLING');
    expect(shard.stops).toMatchObject([{ jobId: holder, why: 'cancel' }]);
    await shard.call('report', { jobId: holder, token, outcome: { kind: 'stopped' } });
    const { record } = await shard.kit.outcome(asked, 1_000);
    expect([record.state, await stateOf(holder)]).toEqual(['QUEUED', 'CANCELLED']);
  });

  it('says after a while that the holder still runs; a repeat later succeeds', async () => {
    const token = await start(holder);
    const asked = shard.send('submit', unique('replace'));
    const refused = expect(asked).rejects.toMatchObject({ code: 'REPLACEMENT_PENDING', metadata: { jobId: holder } });
    for (let second = 0; second < 7; second += 1) {
      await shard.call('heartbeat', { node: 'n1', runs: [{ jobId: holder, token }] });
      await shard.kit.advance(1_000);
    }
    await refused;
    await shard.call('report', { jobId: holder, token, outcome: { kind: 'stopped' } });
    expect((await shard.call('submit', unique('replace'))).record.id).not.toBe(holder);
  });

  it('is not free before the end of its holder is durable', async () => {
    const token = await start(holder);
    shard.fates.push('unavailable', 'unavailable', 'unavailable');
    const ending = shard.send('report', { jobId: holder, token, outcome: { kind: 'succeeded' } });
    const asked = shard.send('submit', unique('reject'));
    await shard.kit.settle();
    await shard.kit.advance(3_000);
    await ending;
    const { record } = await asked;
    expect(record.id).not.toBe(holder);
    expect((await shard.store.jobs.findJob(holder))?.state).toBe('SUCCEEDED');
  });

  it('goes to one of those who wait for it, and the others meet that one', async () => {
    const token = await start(holder);
    const asked = [1, 2, 3].map(() => shard.send('submit', unique('replace')));
    await shard.kit.settle();
    await shard.call('report', { jobId: holder, token, outcome: { kind: 'stopped' } });
    const ids = (await shard.kit.outcome(Promise.all(asked), 10_000)).map(({ record }) => record.id);
    expect(new Set(ids).size).toBe(3);
    const states = await Promise.all(ids.map(stateOf));
    expect(states.toSorted()).toEqual(['CANCELLED', 'CANCELLED', 'QUEUED']);
  });

  it('with an idempotency key: a repeat of a submit that waits is the same job', async () => {
    const token = await start(holder);
    const keyed = unique('replace', 'k', { keyHash: 'request', contentHash: 'c' });
    const asked = [shard.send('submit', keyed), shard.send('submit', keyed)];
    await shard.kit.settle();
    await shard.call('report', { jobId: holder, token, outcome: { kind: 'stopped' } });
    const answers = await shard.kit.outcome(Promise.all(asked), 1_000);
    expect(new Set(answers.map(({ record }) => record.id)).size).toBe(1);
    expect(answers.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true]);
  });

  it('of a job that a crash took back is free; of one that was answered it is not', async () => {
    shard.fates.push('lost-and-unknown');
    const lost = shard.send('submit', unique('reject', 'lost')).catch((error: unknown) => error);
    await shard.start();
    await lost;
    expect((await shard.call('submit', unique('reject', 'lost'))).duplicate).toBe(false);
    await shard.start();
    await expect(shard.call('submit', unique('reject', 'lost'))).rejects.toMatchObject({ code: 'UNIQUE_KEY_TAKEN' });
  });
});
