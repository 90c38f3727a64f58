// Unique keys that outlive their holder: each way of meeting it, crashes, orphans, and that it costs others nothing.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import { uniqueHash } from '../../../../../src/application/jobs/job-fingerprint.ts';
import type { UniqueConflict } from '../../../../../src/domain/job.ts';
import { type JobId, jobIdParts } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { harnessShard, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';
import { keyEntry, recordIn } from '../../../../support/stores.ts';

const windowMs = 60_000;
const ways: readonly UniqueConflict[] = ['reject', 'return-existing', 'replace-waiting', 'replace'];

const windowed = (onConflict: UniqueConflict, more: Partial<SubmitItem['spec']> = {}, key = 'k'): SubmitItem => ({
  spec: testSpec({ unique: { key, onConflict, windowMs }, ...more }),
});

describe('the window of a unique key', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  const accepted = async (item: SubmitItem): Promise<JobId> => (await shard.call('submit', item)).record.id;
  async function end(jobId: JobId, how: 'succeeded' | 'cancelled' = 'succeeded'): Promise<void> {
    if (how === 'cancelled') {
      await shard.call('cancel', { jobId, reason: '' });
      return;
    }
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
    const token = grant.kind === 'granted' ? grant.token : '';
    await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
  }

  it('outlasts the end of its holder, also for submits without one, and a recovery; then the key is free', async () => {
    const holder = await accepted(windowed('reject'));
    await end(holder);
    const plain = { spec: testSpec({ unique: { key: 'k', onConflict: 'reject' } }) } as const;
    for (const item of [windowed('reject'), plain]) {
      await expect(shard.call('submit', item)).rejects.toMatchObject({
        code: 'UNIQUE_KEY_TAKEN',
        metadata: { jobId: holder, state: 'SUCCEEDED' },
      });
      await shard.start();
    }
    await shard.kit.advance(windowMs - 1_000);
    await expect(shard.call('submit', plain)).rejects.toMatchObject({ code: 'UNIQUE_KEY_TAKEN' });
    await shard.kit.advance(1_000);
    expect(await accepted(plain)).not.toBe(holder);
  });

  it('does not end before its holder does', async () => {
    const holder = await accepted(windowed('reject'));
    await shard.kit.advance(windowMs * 2);
    await shard.start();
    await expect(shard.call('submit', windowed('reject'))).rejects.toMatchObject({ metadata: { jobId: holder } });
  });

  it('is met by each way: refused, answered with the holder, refused, accepted', async () => {
    const holder = await accepted(windowed('reject'));
    await end(holder);
    await shard.start();
    await expect(shard.call('submit', windowed('replace-waiting'))).rejects.toMatchObject({ code: 'UNIQUE_KEY_TAKEN' });
    const found = await shard.call('submit', windowed('return-existing'));
    expect(found).toMatchObject({ duplicate: true, record: { id: holder, state: 'SUCCEEDED' } });
    const next = await accepted(windowed('replace'));
    await end(next);
    await expect(shard.call('submit', windowed('reject'))).rejects.toMatchObject({ metadata: { jobId: next } });
  });

  it('of a job in a queue that is closed to the caller is not over for it, whatever the way, and the job is not named', async () => {
    const holder = await accepted(windowed('reject'));
    await end(holder);
    for (const crash of [false, true]) {
      if (crash) await shard.start();
      for (const way of ways) {
        const item = { ...windowed(way, { queue: 'reports' }), onlyIn: ['reports*'] };
        const refusal: unknown = await shard.call('submit', item).catch((error: unknown) => error);
        expect(refusal, way).toMatchObject({ code: 'UNIQUE_KEY_TAKEN', metadata: {} });
        expect(JSON.stringify(refusal)).not.toContain(holder);
      }
    }
    await expect(shard.call('submit', windowed('reject'))).rejects.toMatchObject({ metadata: { jobId: holder } });
    const open = { ...windowed('replace'), onlyIn: [testSpec().queue], keyHash: 'request', contentHash: 'c' };
    const next = await accepted(open);
    expect(next).not.toBe(holder);
    expect(await accepted(open)).toBe(next);
  });

  it('does not keep its holder from being repeated, and is given up by who is cancelled', async () => {
    const holder = await accepted(windowed('reject'));
    await end(holder);
    const again = await accepted(windowed('reject', { retryOf: holder }));
    await end(again, 'cancelled');
    const next = await accepted(windowed('replace-waiting'));
    expect(await accepted(windowed('replace-waiting'))).not.toBe(next);
    expect((await shard.call('get', { jobId: next })).record.state).toBe('CANCELLED');
  });

  it('with an idempotency key: the repeat of a submit is the same job, not a conflict', async () => {
    await end(await accepted(windowed('reject', {}, 'other')));
    await shard.start();
    const keyed = { ...windowed('reject'), keyHash: 'request', contentHash: 'c' };
    const answers = await shard.kit.outcome(Promise.all([shard.send('submit', keyed), shard.send('submit', keyed)]));
    expect(new Set(answers.map(({ record }) => record.id)).size).toBe(1);
    expect((await shard.call('submit', keyed)).duplicate).toBe(true);
  });

  it('of a job that a crash took back holds nothing', async () => {
    await end(await accepted(windowed('reject', {}, 'other')));
    await shard.stop();
    const partition = { shard: harnessShard, bucket: Math.floor(shard.kit.clock.nowMs() / 60_000) };
    const keyHash = `u.${uniqueHash('default', 'k')}`;
    const expiresAtMs = shard.kit.clock.nowMs() + windowMs;
    const entry = keyEntry(recordIn(partition), { keyHash, contentHash: '', expiresAtMs });
    await shard.store.jobs.putKeys(harnessShard, [entry]);
    await shard.start();
    expect((await shard.call('submit', windowed('reject'))).duplicate).toBe(false);
  });

  it('is that of the later of two jobs of one ms, after a recovery too', async () => {
    const plain = await accepted({ spec: testSpec({ queueNo: 9 }) });
    for (const [n, crashes] of [false, true, true, true, true, true, true, true].entries()) {
      const key = `key-${n}`;
      // The store lists by queue first: it brings the later job before the other one.
      await accepted(windowed('reject', { queueNo: 2 }, key));
      if (crashes) await shard.start();
      const later = await accepted(windowed('replace', { queueNo: 1 }, key));
      await end(later);
      await shard.start();
      const answer = shard.call('submit', windowed('reject', {}, key));
      await expect(answer).rejects.toMatchObject({ metadata: { jobId: later } });
    }
    // All of it took no time but what recoveries add.
    const last = await accepted({ spec: testSpec({ queueNo: 9 }) });
    expect(jobIdParts(last).createdAtMs - jobIdParts(plain).createdAtMs).toBeLessThanOrEqual(15);
  });

  it('that cannot be looked up refuses the submit; where there are no windows, one look is all', async () => {
    shard.keys = 'down';
    const item = { spec: testSpec({ unique: { key: 'k', onConflict: 'reject' } }) } as const;
    await expect(shard.call('submit', item)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    shard.keys = 'up';
    await end(await accepted(item));
    shard.keys = 'down';
    await end(await accepted(item));
    expect((await shard.call('submit', item)).duplicate).toBe(false);
  });

  it('is kept by all that happens: none is accepted while another holds the key, and none is refused that nobody holds', async () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 50_000 }),
      way: fc.constantFrom(...ways),
      end: fc.constantFrom('not' as const, 'succeeded' as const, 'cancelled' as const),
      crash: fc.boolean(),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
        const key = `key-${(run += 1)}`;
        let holder: { readonly id: JobId; readonly untilMs: number; over: boolean } | undefined;
        for (const { waitMs, way, end: how, crash } of steps) {
          const nowMs = shard.kit.clock.nowMs();
          const isHeld = holder !== undefined && (!holder.over || nowMs < holder.untilMs);
          const waits = holder !== undefined && !holder.over;
          const takes = !isHeld || way === 'replace' || (way === 'replace-waiting' && waits);
          const answer = await shard.call('submit', windowed(way, {}, key)).catch(() => undefined);
          expect(answer?.duplicate).toBe(takes ? false : way === 'return-existing' ? true : undefined);
          if (takes && answer !== undefined) {
            holder = { id: answer.record.id, untilMs: answer.record.createdAtMs + windowMs, over: false };
          }
          if (how !== 'not' && holder?.over === false) {
            await end(holder.id, how);
            holder = how === 'cancelled' ? undefined : { ...holder, over: true };
          }
          if (crash) await shard.start();
          await shard.kit.advance(waitMs);
        }
      }),
      {
        numRuns: 40,
        // The second job is made, and ends, in the ms of the first one, after a recovery.
        examples: Array.from({ length: 8 }, () => [
          [
            { waitMs: 0, way: 'reject', end: 'not', crash: true },
            { waitMs: 0, way: 'replace', end: 'succeeded', crash: true },
            { waitMs: 2_843, way: 'replace-waiting', end: 'cancelled', crash: false },
          ],
        ]),
      },
    );
  });
});
