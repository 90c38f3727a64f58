// What a shard tells of all queues of a tenant, in virtual time on a real embedded store.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SurveyItem } from '../../../../../src/application/ports/shard-protocol.ts';
import { quantileMs } from '../../../../../src/domain/duration-histogram.ts';
import type { AttemptOutcome } from '../../../../../src/domain/attempt-outcome.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { noSurvey, type QueueSurvey, surveyRowsMax, unpacked } from '../../../../../src/domain/queue-survey.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, createShardHarness } from '../../../../support/shard-harness.ts';

const failed = (code: string, retryable = true): AttemptOutcome => ({
  kind: 'failed',
  failure: { reason: 'HANDLER_FAILED', message: 'no', code },
  retryable,
});

describe('a survey', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await createShardHarness({ backlogMax: 2_000 });
    await shard.start();
    return () => shard.close();
  });

  async function submit(overrides: Partial<JobSpec> = {}): Promise<JobId> {
    return (await shard.call('submit', { spec: testSpec(overrides) })).record.id;
  }

  const surveyed = (asked: Partial<SurveyItem> = {}): Promise<QueueSurvey> =>
    shard.call('survey', { tenant: 'default', ...asked });

  /** Grants the job and ends its attempt. */
  async function run(jobId: JobId, outcome: AttemptOutcome): Promise<void> {
    const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
    if (grant.kind !== 'granted') throw new Error(grant.kind);
    await shard.call('report', { jobId, token: grant.token, outcome });
  }

  it('of a tenant without jobs is empty', async () => {
    expect(await surveyed()).toEqual(noSurvey);
  });

  it('has what waits, runs, comes and goes of each queue, the most pressing first, and all of it in sums', async () => {
    const first = await submit({ queue: 'slow' });
    await shard.kit.advance(40_000);
    await submit({ queue: 'quick', priority: 4 });
    await submit({ queue: 'quick' });
    await submit({ queue: 'later', runAtMs: shard.kit.clock.nowMs() + 60_000 });
    await submit({ queue: 'foreign', tenant: 'rival' });
    const { rows, totals, omitted } = await surveyed();
    expect(rows.map(({ queue }) => queue)).toEqual(['slow', 'quick', 'later']);
    expect(rows[1]).toMatchObject({ waiting: [0, 0, 1, 0, 1], later: 0, running: 0, pausedWaiting: 0 });
    expect(totals).toMatchObject({ waiting: [0, 0, 2, 0, 1], later: 1, oldestReadyAtMs: rows[0]?.oldestReadyAtMs });
    expect(omitted).toBe(0);
    await run(first, { kind: 'succeeded' });
    const after = await surveyed();
    const slow = after.rows.find(({ queue }) => queue === 'slow');
    expect(quantileMs(unpacked(slow?.waits ?? []), 0.5)).toBeGreaterThan(30_000);
    expect(quantileMs(after.waits, 0.5)).toBeGreaterThan(30_000);
    expect(after.runs.length).toBeGreaterThan(0);
    expect(after.totals.ends).toBeGreaterThan(0);
    expect(after.totals.failedAttempts).toBe(0);
  });

  it('counts failures of attempts and of jobs, by code, and forgets them', async () => {
    const [again, lost, rejected] = [await submit(), await submit(), await submit({ handler: 'pdf.make' })];
    await run(again, failed('E_DISK'));
    await run(lost, { kind: 'lost', blame: 'unknown' });
    await run(rejected, failed('E_DISK', false));
    const stats = await shard.call('queueStats', { tenant: 'default', queue: 'default' });
    // Three attempts and one job in the first seconds.
    expect(stats.failedAttemptsPerSecond).toBeGreaterThan(2.5 * (stats.failedJobsPerSecond ?? 0));
    expect(stats.failedJobsPerSecond).toBeGreaterThan(0);
    const { failures, totals } = await surveyed();
    expect(totals.failedAttempts).toBeCloseTo(stats.failedAttemptsPerSecond ?? 0);
    expect(failures).toMatchObject([
      { code: 'E_DISK', queue: 'default', handler: 'pdf.make', jobId: rejected },
      { code: 'LOST', handler: 'test.echo', jobId: lost },
    ]);
    expect(failures[0]?.count).toBeCloseTo(2, 1);
    await shard.call('cancel', { jobId: again, reason: '' });
    await shard.call('cancel', { jobId: lost, reason: '' });
    await shard.kit.advance(3_600_000);
    expect((await surveyed()).failures).toEqual([]);
  });

  it('counts a job that expires, and none that is cancelled or snoozed', async () => {
    await submit({ queueTimeoutMs: 1_000 });
    const cancelled = await submit();
    await shard.call('cancel', { jobId: cancelled, reason: '' });
    await run(await submit(), { kind: 'snoozed', delayMs: 60_000 });
    await shard.kit.advance(2_500);
    const { failures, totals } = await surveyed();
    expect(failures.map(({ code }) => code)).toEqual(['EXPIRED']);
    expect(totals.failedAttempts).toBe(0);
    expect(totals.failedJobs).toBeGreaterThan(0);
  });

  it('says what waits because of a pause, and what no live worker can run', async () => {
    shard.setRule('paused', { paused: true });
    await submit({ queue: 'paused' });
    shard.missing.add('pdf.make');
    await submit({ queue: 'reports', handler: 'pdf.make' });
    await submit({ queue: 'reports', handler: 'pdf.make', handlerVersion: '2.0.0' });
    await submit({ queue: 'paused', handler: 'pdf.make' });
    const { totals, unserved, rows } = await surveyed();
    expect(totals.pausedWaiting).toBe(2);
    expect(rows.find(({ queue }) => queue === 'paused')).toMatchObject({ pausedWaiting: 2 });
    expect(unserved).toEqual([
      { handler: 'pdf.make', queue: 'reports', jobs: 1 },
      { handler: 'pdf.make', version: '2.0.0', queue: 'reports', jobs: 1 },
    ]);
  });

  it('is about some queues alone if patterns say so, in sums too; a text narrows the rows only', async () => {
    for (const queue of ['reports-a', 'reports-b', 'other']) await submit({ queue });
    const some = await surveyed({ onlyIn: ['reports-*'] });
    expect(some.rows.map(({ queue }) => queue).toSorted()).toEqual(['reports-a', 'reports-b']);
    expect(some.totals.waiting).toEqual([0, 0, 2, 0, 0]);
    expect((await surveyed({ onlyIn: [] })).totals.waiting).toEqual([0, 0, 0, 0, 0]);
    const named = await surveyed({ onlyIn: ['reports-*'], contains: 'ts-b' });
    expect(named.rows.map(({ queue }) => queue)).toEqual(['reports-b']);
    expect(named.totals.waiting).toEqual([0, 0, 2, 0, 0]);
  });

  it('tells of a bounded number of queues one by one, and of the others in sums', async () => {
    const queues = Array.from({ length: surveyRowsMax + 25 }, (_, n) => `q${n}`);
    // A tenant may have a bounded number of jobs on their way to the store.
    for (const some of [queues.slice(0, 250), queues.slice(250)]) {
      const sent = some.map((queue) => shard.send('submit', { spec: testSpec({ queue }) }));
      await shard.kit.outcome(Promise.all(sent));
    }
    await submit({ queue: 'q7' });
    const asked = shard.send('survey', { tenant: 'default' });
    await shard.kit.advance(1_000);
    const { rows, omitted, totals } = await asked;
    expect([rows.length, omitted]).toEqual([surveyRowsMax, 25]);
    expect(rows[0]?.queue).toBe('q7');
    expect(totals.waiting).toEqual([0, 0, surveyRowsMax + 26, 0, 0]);
  });
});
