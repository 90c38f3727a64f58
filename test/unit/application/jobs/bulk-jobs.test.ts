/** Something done to every job that a filter finds: bounded, paced, continued where it was cut off. */
import { mayEverything } from '../../../support/callers.ts';
import { describe, expect, it } from 'vitest';
import { type BulkStep, forEachJob } from '../../../../src/application/jobs/bulk-jobs.ts';
import { createRedriveJobs } from '../../../../src/application/jobs/redrive-jobs.ts';
import type { ListJobs, ListJobsQuery } from '../../../../src/application/jobs/list-jobs.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { JobFilter } from '../../../../src/application/jobs/job-filter.ts';
import type { JobRecord, JobState } from '../../../../src/domain/job.ts';
import { clockAheadMaxMs } from '../../../../src/domain/steady-time.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const context = { tenant: 'default', principal: mayEverything, requestId: 'r', reserve: () => undefined };
const anything = { states: [], handler: '', labels: {} };

/** Pages of 100, and what they were asked with. */
function listOf(records: readonly JobRecord[]): { readonly list: ListJobs; readonly asked: ListJobsQuery[] } {
  const asked: ListJobsQuery[] = [];
  const list: ListJobs = (_context, query) => {
    asked.push(query);
    const from = query.pageToken === '' ? 0 : Number(query.pageToken);
    const next = from + query.pageSize;
    const page = records.slice(from, next);
    return Promise.resolve({ records: page, nextPageToken: next < records.length ? String(next) : '' });
  };
  return { list, asked };
}

const jobs = (count: number): JobRecord[] =>
  Array.from({ length: count }, (_, n) => testRecord({}, { unique: BigInt(n + 1) }));

const admit = <T>(_bytes: number, submit: () => Promise<T>): Promise<T> => submit();

async function all(steps: AsyncIterable<BulkStep>): Promise<BulkStep[]> {
  const found: BulkStep[] = [];
  for await (const step of steps) found.push(step);
  return found;
}

describe('an operation over many jobs', () => {
  it('reaches each of them once, and says so page by page', async () => {
    const records = jobs(250);
    const { list, asked } = listOf(records);
    const clock = createManualClock();
    const seen: string[] = [];
    const query = { queue: 'q', filter: anything, pageToken: '' };
    const act = (record: JobRecord): Promise<void> => {
      seen.push(record.id);
      return Promise.resolve();
    };
    const steps = await all(forEachJob({ listJobs: list, clock }, context, query, { states: ['FAILED'], act }));
    expect(steps.map(({ done }) => done)).toEqual([100, 100, 50]);
    expect(seen).toEqual(records.map(({ id }) => id));
    expect(steps.at(-1)?.pageToken).toBe('');
    expect(asked[0]).toMatchObject({ states: ['FAILED'], queue: 'q' });
  });

  it('by a kind of failure is about FAILED jobs alone, as a list is, if it applies to them', async () => {
    const { list, asked } = listOf([]);
    const parts = { listJobs: list, clock: createManualClock() };
    const act = (): Promise<void> => Promise.resolve();
    const statesOf = async (filter: Partial<JobFilter>, states: readonly JobState[]): Promise<unknown> => {
      const query = { queue: '', filter: { ...anything, ...filter }, pageToken: '' };
      await all(forEachJob(parts, context, query, { states, act }));
      return asked.at(-1)?.states;
    };
    const failureKind = 'pf7fe1fe28fdde5a';
    expect(await statesOf({ failureKind }, ['FAILED', 'EXPIRED'])).toEqual(['FAILED']);
    expect(await statesOf({ failureKind, states: ['EXPIRED'] }, ['FAILED', 'EXPIRED'])).toEqual(['EXPIRED']);
    expect(await statesOf({ failureKind }, ['RETRYING'])).toEqual(['RETRYING']);
    expect(await statesOf({}, ['FAILED', 'EXPIRED'])).toEqual(['FAILED', 'EXPIRED']);
  });

  it('reaches what a shard has stamped whose clock is ahead of its own', async () => {
    const { list, asked } = listOf(jobs(1));
    const clock = createManualClock();
    const query = { queue: '', filter: anything, pageToken: '' };
    await all(forEachJob({ listJobs: list, clock }, context, query, { states: [], act: () => Promise.resolve() }));
    expect(asked[0]?.createdBeforeMs).toBeGreaterThan(clock.nowMs() + 86_400_000);
    const filter = { ...anything, createdBeforeMs: 7 };
    const said = { queue: '', filter, pageToken: '' };
    await all(forEachJob({ listJobs: list, clock }, context, said, { states: [], act: () => Promise.resolve() }));
    expect(asked[1]?.createdBeforeMs).toBe(7);
  });

  it('that submits jobs again leaves alone what it has made itself', async () => {
    const clock = createManualClock();
    const [failed] = jobs(1);
    const copyOf = (redriveId: string) =>
      testRecord({ idempotencyKey: `redrive:${redriveId}:${failed?.id ?? ''}` }, { unique: 9n });
    const { list } = listOf([copyOf('this'), copyOf('another'), ...jobs(1)]);
    const again: string[] = [];
    const retryJob = {
      one: () => Promise.reject(new Error('not asked for')),
      holds: () => 0,
      again: (_context: unknown, record: JobRecord) => {
        again.push(record.spec.idempotencyKey ?? 'first');
        return Promise.resolve({ jobId: record.id, state: 'QUEUED', duplicate: false } as const);
      },
    };
    const redrive = createRedriveJobs({ listJobs: list, clock, retryJob });
    const query = { queue: '', filter: anything, pageToken: '', perSecond: 10_000, redriveId: 'this', admit };
    const steps = redrive(context, query);
    for (let step = steps.next(); ; step = steps.next()) {
      clock.advance(1_000);
      if ((await step).done === true) break;
    }
    expect(again.map((key) => key.slice(0, 15))).toEqual(['redrive:another', 'first']);
  });

  it('that submits jobs again counts what each copy loads, and holds no more than 16 MiB at a time, or one input', async () => {
    const clock = createManualClock();
    const sizes = [5, 6, 7, 40, 1, 2, 16, 0, 3].map((mib) => mib * 1_048_576);
    const { list } = listOf(jobs(sizes.length));
    const held = { now: 0, most: 0, copies: 0 };
    const mosts: number[] = [];
    let asked = 0;
    const retryJob = {
      one: () => Promise.reject(new Error('not asked for')),
      holds: () => sizes[asked++] ?? 0,
      again: async (_context: unknown, record: JobRecord) => {
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
        return { jobId: record.id, state: 'QUEUED', duplicate: false } as const;
      },
    };
    const admitted = async <T>(bytes: number, submit: () => Promise<T>): Promise<T> => {
      held.now += bytes;
      held.copies += 1;
      mosts.push(held.now);
      try {
        return await submit();
      } finally {
        held.now -= bytes;
      }
    };
    const redrive = createRedriveJobs({ listJobs: list, clock, retryJob });
    const query = { queue: '', filter: anything, pageToken: '', perSecond: 10_000, redriveId: 'r', admit: admitted };
    const steps = redrive(context, query);
    for (let step = steps.next(); ; step = steps.next()) {
      const state = { isDone: false };
      void step.finally(() => {
        state.isDone = true;
      });
      while (!state.isDone) {
        clock.advance(1);
        await new Promise((resolve) => void setImmediate(resolve));
      }
      if ((await step).done === true) break;
    }
    expect(held).toMatchObject({ now: 0, copies: sizes.length });
    for (const most of mosts) expect(most).toBeLessThanOrEqual(40 * 1_048_576);
    expect(mosts.filter((most) => most > 16 * 1_048_576)).toEqual([40 * 1_048_576]);
  });

  it('goes on from a page token, about what it was about when it began', async () => {
    const { list, asked } = listOf(jobs(150));
    const clock = createManualClock();
    const action = { states: [], act: () => Promise.resolve() } as const;
    const first = await forEachJob(
      { listJobs: list, clock },
      context,
      { queue: '', filter: anything, pageToken: '' },
      action,
    ).next();
    const begunMs = clock.nowMs() + clockAheadMaxMs;
    clock.advance(60_000);
    const pageToken = first.done === true ? '' : first.value.pageToken;
    const rest = await all(
      forEachJob({ listJobs: list, clock }, context, { queue: '', filter: anything, pageToken }, action),
    );
    expect(rest.map(({ done }) => done)).toEqual([50]);
    expect(asked.at(-1)).toMatchObject({ createdBeforeMs: begunMs, pageToken: '100' });
    const other = forEachJob(
      { listJobs: list, clock },
      context,
      { queue: '', filter: anything, pageToken: 'x' },
      action,
    );
    await expect(all(other)).rejects.toMatchObject({ code: 'INVALID_PAGE_TOKEN' });
  });

  it('counts refusals with their reasons, and ends where it cannot know', async () => {
    const records = jobs(40);
    const { list } = listOf(records);
    const clock = createManualClock();
    const query = { queue: '', filter: anything, pageToken: '' };
    const refusing = (error: TroupeError) => (record: JobRecord) =>
      records.indexOf(record) % 2 === 0 ? Promise.resolve() : Promise.reject(error);
    const refused = { states: [], act: refusing(new TroupeError('JOB_STATE_FORBIDS')) } as const;
    const [step] = await all(forEachJob({ listJobs: list, clock }, context, query, refused));
    expect(step).toMatchObject({ done: 20, refused: 20, failures: { length: 20 } });
    expect(step?.failures[0]).toMatchObject({ jobId: records[1]?.id, error: { code: 'JOB_STATE_FORBIDS' } });
    const away = { states: [], act: refusing(new TroupeError('SHARD_UNAVAILABLE')) } as const;
    await expect(all(forEachJob({ listJobs: list, clock }, context, query, away))).rejects.toMatchObject({
      code: 'SHARD_UNAVAILABLE',
    });
  });

  it('has at most 16 under way', async () => {
    const { list } = listOf(jobs(50));
    const open: (() => void)[] = [];
    let most = 0;
    const act = (): Promise<void> =>
      new Promise((resolve) => {
        open.push(resolve);
        most = Math.max(most, open.length);
        if (open.length === 16) for (const end of open.splice(0)) end();
        else if (most === 16 && open.length === 50 % 16) for (const end of open.splice(0)) end();
      });
    const query = { queue: '', filter: anything, pageToken: '' };
    await all(forEachJob({ listJobs: list, clock: createManualClock() }, context, query, { states: [], act }));
    expect(most).toBe(16);
  });

  it('keeps to its rate, and ends with its caller', async () => {
    const { list } = listOf(jobs(30));
    const clock = createManualClock();
    const gone = new AbortController();
    let begun = 0;
    const act = (): Promise<void> => {
      begun += 1;
      return Promise.resolve();
    };
    const query = { queue: '', filter: anything, pageToken: '' };
    const caller = { ...context, signal: gone.signal };
    const running = all(forEachJob({ listJobs: list, clock }, caller, query, { states: [], perSecond: 10, act }));
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let tenth = 0; tenth < 10; tenth += 1) {
      await settle();
      expect(begun).toBe(tenth + 1);
      clock.advance(100);
    }
    gone.abort();
    await expect(running).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    expect(begun).toBeLessThanOrEqual(11);
  });

  it('that is cut ends after what it has begun, and has told of it', async () => {
    const { list } = listOf(jobs(30));
    const gone = new AbortController();
    const told: string[] = [];
    const ends: (() => void)[] = [];
    const act = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
    const caller = {
      ...context,
      signal: gone.signal,
      report: ({ jobId = '' }: { readonly jobId?: string }) => told.push(jobId),
    };
    const query = { queue: '', filter: anything, pageToken: '' };
    const parts = { listJobs: list, clock: createManualClock() };
    let isOver = false;
    const running = all(forEachJob(parts, caller, query, { states: [], act })).finally(() => (isOver = true));
    running.catch(() => undefined);
    await expect.poll(() => ends.length).toBe(16);
    gone.abort();
    ends[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect([isOver, told.length]).toEqual([false, 1]);
    for (const end of ends) end();
    await expect(running).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    expect(told).toHaveLength(16);
  });

  /** Lets time pass while an operation waits. */
  async function withTime<T>(clock: ReturnType<typeof createManualClock>, running: Promise<T>): Promise<T> {
    const state = { isOver: false };
    const end = (): void => void (state.isOver = true);
    running.then(end, end);
    while (!state.isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(50);
    }
    return running;
  }

  it('tries again what was refused for now, when the refusal says so, and gets through room for one', async () => {
    const records = jobs(250);
    const { list, asked } = listOf(records);
    const clock = createManualClock();
    const counts = { inside: 0, refused: 0 };
    const seen = new Set<string>();
    const act = async (record: JobRecord): Promise<void> => {
      if (counts.inside > 0) {
        counts.refused += 1;
        throw new TroupeError('OVERLOADED', { retryAfterMs: 100 });
      }
      counts.inside += 1;
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
      counts.inside -= 1;
      seen.add(record.id);
    };
    const query = { queue: '', filter: anything, pageToken: '' };
    const running = all(forEachJob({ listJobs: list, clock }, context, query, { states: [], act }));
    const steps = await withTime(clock, running);
    expect(steps.map(({ done, refused }) => [done, refused])).toEqual([
      [100, 0],
      [100, 0],
      [50, 0],
    ]);
    expect(seen.size).toBe(250);
    expect(counts.refused).toBeGreaterThan(0);
    expect(asked).toHaveLength(3);
  });

  it('gives up when nothing gets through for 30 s, or when the refusal says that it would take longer', async () => {
    const { list } = listOf(jobs(3));
    const clock = createManualClock();
    const query = { queue: '', filter: anything, pageToken: '' };
    const run = (retryAfterMs: number) => {
      const act = () => Promise.reject(new TroupeError('OVERLOADED', { retryAfterMs }));
      return withTime(clock, all(forEachJob({ listJobs: list, clock }, context, query, { states: [], act })));
    };
    const begunAtMs = clock.nowMs();
    await expect(run(1_000)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterMs: 1_000 });
    const tookMs = clock.nowMs() - begunAtMs;
    expect(tookMs).toBeGreaterThanOrEqual(29_000);
    expect(tookMs).toBeLessThanOrEqual(31_000);
    const againAtMs = clock.nowMs();
    await expect(run(40_000)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterMs: 40_000 });
    expect(clock.nowMs() - againAtMs).toBeLessThan(1_000);
  });

  it('that waits for room ends with its caller', async () => {
    const { list } = listOf(jobs(3));
    const clock = createManualClock();
    const gone = new AbortController();
    const act = () => Promise.reject(new TroupeError('OVERLOADED', { retryAfterMs: 5_000 }));
    const query = { queue: '', filter: anything, pageToken: '' };
    const caller = { ...context, signal: gone.signal };
    const running = all(forEachJob({ listJobs: list, clock }, caller, query, { states: [], act }));
    running.catch(() => undefined);
    await expect.poll(() => clock.timers()).toBe(1);
    gone.abort();
    await expect(running).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
    expect(clock.timers()).toBe(0);
  });

  it('ends when its last job under way cannot be known while the next one waits for its pace', async () => {
    const { list } = listOf(jobs(3));
    const clock = createManualClock();
    const act = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.setTimer(10, resolve));
      throw new TroupeError('OUTCOME_UNKNOWN');
    };
    const query = { queue: '', filter: anything, pageToken: '' };
    const running = all(forEachJob({ listJobs: list, clock }, context, query, { states: [], perSecond: 1, act }));
    await expect(withTime(clock, running)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });
});
