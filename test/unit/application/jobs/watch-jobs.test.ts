/** Following a queue in virtual time: what is told, from where it goes on, and what a slow reader costs. */
import { callerWith, mayEverything } from '../../../support/callers.ts';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallContext } from '../../../../src/application/ports/call-context.ts';
import { jobEventOf } from '../../../../src/application/jobs/job-events.ts';
import type { EventLog, EventLogs, EventsOfQueue, KeptEvent } from '../../../../src/application/ports/event-log.ts';
import type { QueueCatalog } from '../../../../src/application/queues/queue-catalog.ts';
import { createWatchJobs, type JobsUpdate, type WatchJobsQuery } from '../../../../src/application/jobs/watch-jobs.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { given } from '../../../../src/domain/given.ts';
import { isTerminal, type JobRecord, type JobState } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { decide, type JobCommand } from '../../../../src/domain/transitions.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const all = { states: [], handler: '', labels: {} } as const;
const claim: JobCommand = { kind: 'claim', node: 'n', token: 't' };
const succeed: JobCommand = { kind: 'report', token: 't', outcome: { kind: 'succeeded' } };
const controllers: AbortController[] = [];

afterEach(() => {
  for (const controller of controllers.splice(0)) controller.abort();
});

interface MemoryLog {
  id: string;
  first: number;
  events: KeptEvent[];
  /** So many of the newest events are not on the replica yet that answers reads. */
  behind?: number;
}

function setUp() {
  const clock = createManualClock();
  const jobs = new Map<JobId, JobRecord>();
  /** What a former owner still answers to those who know no better. */
  const former = new Map<JobId, JobRecord>();
  const log: MemoryLog = { id: 'one', first: 1, events: [] };
  /** Those of earlier settings first. */
  const logs = [log];
  const listeners = new Map<() => void, EventsOfQueue>();
  let made = 0;
  let marks = 0;
  const counts = { pages: 0, reads: 0, most: 0 };
  const logOf = (log: MemoryLog): EventLog => ({
    bounds: async () => ({
      log: log.id,
      first: log.first,
      last: log.events.length,
      lastMark: log.events.at(-1)?.mark ?? '',
    }),
    markAt: async (position) => (position < log.first ? undefined : log.events[position - 1]?.mark),
    async read({ type }, { after, max }) {
      counts.pages += 1;
      const kept = log.events.slice(Math.max(after, log.first - 1), log.events.length - (log.behind ?? 0));
      const wanted = kept.filter(({ state }) => type === undefined || eventTypes[state] === type).slice(0, max);
      counts.most = Math.max(counts.most, wanted.length);
      return { events: wanted, ...given({ end: wanted.at(-1) }) };
    },
  });
  const events: EventLogs = {
    of: () => logs.map(logOf),
    onNext(wanted, listener) {
      listeners.set(listener, wanted);
      return () => listeners.delete(listener);
    },
  };
  const catalog = {
    find: async (_tenant: string, name: string) => (name === 'images' ? { queueNo: 7, name } : undefined),
  } as unknown as QueueCatalog;
  const watchJobs = createWatchJobs({
    clock,
    events,
    catalog,
    reader: {
      read: async (_tenant, id, knownSeq = 0) => {
        counts.reads += 1;
        const old = former.get(id as JobId);
        const record = old !== undefined && old.seq >= knownSeq ? old : jobs.get(id as JobId);
        if (record === undefined) throw new TroupeError('JOB_NOT_FOUND');
        return { record };
      },
    },
  });

  /** Goes to the newest log, or to the first one if its publisher does not know of others. */
  function happened(record: JobRecord, options: { readonly told?: boolean; readonly early?: boolean } = {}): JobRecord {
    jobs.set(record.id, record);
    const entry = record.trail.at(-1);
    if (entry === undefined) return record;
    const { state, handler } = jobEventOf(record, entry).data as { state: JobState; handler: string };
    const mark = String((marks += 1));
    const { events: kept } = (options.early === true ? undefined : logs.at(-1)) ?? log;
    kept.push({ position: kept.length + 1, jobId: record.id, seq: record.seq, handler, state, mark });
    if (options.told === false) return record;
    for (const [listener, { type }] of [...listeners]) {
      if (type !== undefined && type !== entry.type) continue;
      listeners.delete(listener);
      listener();
    }
    return record;
  }

  return {
    clock,
    log,
    counts,
    jobs,
    former,
    listeners,
    query: ({ principal = mayEverything, ...more }: Partial<WatchJobsQuery> & { principal?: Principal } = {}) => {
      const controller = new AbortController();
      controllers.push(controller);
      const context: CallContext = { tenant: 'default', principal, requestId: 'r', signal: controller.signal };
      return watchJobs(context, { queue: 'images', filter: all, token: '', ...more });
    },
    /** All updates from now on, as fast as they come. */
    follow(more: Partial<WatchJobsQuery> = {}): JobsUpdate[] {
      const seen: JobsUpdate[] = [];
      void (async () => {
        for await (const update of this.query(more)) seen.push(update);
      })().catch(() => undefined);
      return seen;
    },
    submit: (spec: Parameters<typeof testRecord>[0] = {}) =>
      happened(testRecord(spec, { nowMs: clock.nowMs(), unique: BigInt((made += 1)) })),
    change(id: JobId, command: JobCommand, options: Parameters<typeof happened>[1] = {}): void {
      const record = jobs.get(id);
      const decision = record && decide(record, command, clock.nowMs(), 0.5);
      if (decision?.kind === 'changed') happened(decision.record, options);
    },
    /** More logs are set up. Watches that begin from now on know of them. */
    addLog: () => void logs.push({ id: `log ${logs.length}`, first: 1, events: [] }),
    logs,
    /** The log was lost, or may have been: its first events are published again, behind what is new. */
    repeat(count: number): void {
      for (const event of log.events.slice(0, count)) {
        const mark = String((marks += 1));
        log.events.push({ ...event, position: log.events.length + 1, mark });
      }
    },
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= 50) {
        clock.advance(Math.min(50, left));
        for (let turn = 0; turn < 5; turn += 1) await settle();
      }
    },
  };
}

const eventTypes: Partial<Record<JobState, string>> = { QUEUED: 'queued', RUNNING: 'started', SUCCEEDED: 'succeeded' };
const statesOf = (updates: readonly JobsUpdate[]): unknown[] =>
  updates.flatMap(({ record }) => (record === undefined ? [] : [record.state]));

describe('a watch of a queue', () => {
  it('by the texts of failures is refused to those who may not read them', async () => {
    const asked = setUp().query({ filter: { ...all, failureKind: 't73332cc53a03311' }, principal: callerWith([]) });
    await expect(asked.next()).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  });

  it('says at once where it stands, then tells each change, not what was before', async () => {
    const queue = setUp();
    queue.submit();
    const seen = queue.follow();
    await queue.pass(50);
    expect(seen).toEqual([{ gap: false, resumeToken: expect.any(String) as string }]);
    const { id } = queue.submit();
    await queue.pass(100);
    queue.change(id, claim);
    await queue.pass(100);
    queue.change(id, succeed);
    await queue.pass(100);
    expect(statesOf(seen)).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED']);
  });

  it('tells quick changes of a job as one, and finds what no news told', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const { id } = queue.submit();
    queue.change(id, claim);
    await queue.pass(100);
    expect(statesOf(seen)).toEqual(['RUNNING']);
    queue.change(id, succeed, { told: false });
    await queue.pass(5_100);
    expect(statesOf(seen)).toEqual(['RUNNING', 'SUCCEEDED']);
  });

  it('tells the newest change of a job also when older ones are published again behind it', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const { id } = queue.submit();
    queue.change(id, claim);
    await queue.pass(100);
    queue.change(id, succeed);
    queue.repeat(2);
    await queue.pass(100);
    expect(statesOf(seen)).toEqual(['RUNNING', 'SUCCEEDED']);
  });

  it('tells the end of a job also while a former owner answers with what was before it', async () => {
    const queue = setUp();
    const seen = queue.follow();
    const ended = queue.follow({ filter: { ...all, states: ['SUCCEEDED', 'FAILED'] } });
    await queue.pass(50);
    const job = queue.submit();
    await queue.pass(100);
    queue.former.set(job.id, job);
    queue.change(job.id, claim);
    await queue.pass(100);
    queue.change(job.id, succeed);
    await queue.pass(100);
    expect(statesOf(seen)).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED']);
    expect(statesOf(ended)).toEqual(['SUCCEEDED']);
  });

  it('reads no job that cannot match: of another handler, or in a state that nobody asked for', async () => {
    const queue = setUp();
    const ended = queue.follow({ filter: { ...all, states: ['SUCCEEDED'] } });
    const others = queue.follow({ filter: { ...all, handler: 'other' } });
    await queue.pass(50);
    const { id } = queue.submit();
    queue.change(id, claim);
    await queue.pass(100);
    expect(queue.counts.reads).toBe(0);
    queue.change(id, succeed);
    await queue.pass(100);
    expect([statesOf(ended), statesOf(others), queue.counts.reads]).toEqual([['SUCCEEDED'], [], 1]);
  });

  it('is not slowed down by events of a type that it does not want', async () => {
    const queue = setUp();
    const ended = queue.follow({ filter: { ...all, states: ['SUCCEEDED'] } });
    await queue.pass(50);
    const { id } = queue.submit();
    queue.change(id, claim);
    for (let n = 0; n < 20; n += 1) {
      queue.submit();
      await queue.pass(100);
    }
    queue.change(id, succeed);
    await queue.pass(100);
    expect(statesOf(ended)).toEqual(['SUCCEEDED']);
  });

  it('tells only jobs with the labels, the reasons and the times asked for', async () => {
    const queue = setUp();
    const labelled = queue.follow({ filter: { ...all, labels: { batch: '7' } } });
    const late = queue.follow({ filter: { ...all, createdFromMs: queue.clock.nowMs() + 1_000 } });
    await queue.pass(50);
    const { id } = queue.submit({ labels: { batch: '7' } });
    queue.submit();
    await queue.pass(100);
    expect(labelled.flatMap(({ record }) => record?.id ?? [])).toEqual([id]);
    expect(statesOf(late)).toEqual([]);
    await queue.pass(1_000);
    queue.submit();
    await queue.pass(100);
    expect(statesOf(late)).toEqual(['QUEUED']);
  });

  it('passes over a job that is gone', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    queue.jobs.delete(queue.submit().id);
    queue.submit();
    await queue.pass(100);
    expect(statesOf(seen)).toEqual(['QUEUED']);
  });

  it('goes on after any message, from the token of that message', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const ids = Array.from({ length: 5 }, () => queue.submit().id);
    await queue.pass(100);
    for (const [index, { resumeToken }] of seen.entries()) {
      const again = queue.follow({ token: resumeToken });
      await queue.pass(100);
      expect(again.flatMap(({ record }) => record?.id ?? [])).toEqual(ids.slice(index));
      expect(again[0]?.gap).toBe(false);
    }
  });

  it('says how far it is while nothing that is wanted happens, so that its token does not age', async () => {
    const queue = setUp();
    const seen = queue.follow({ filter: { ...all, handler: 'other' } });
    await queue.pass(50);
    for (let n = 0; n < 10; n += 1) queue.submit();
    await queue.pass(11_000);
    expect(seen.length).toBeGreaterThan(1);
    queue.log.first = queue.log.events.length + 1;
    const again = queue.follow({ token: seen.at(-1)?.resumeToken ?? '' });
    await queue.pass(100);
    expect(again[0]?.gap).toBe(false);
  });

  it('says how far it is also while nothing is of the type that it reads', async () => {
    const queue = setUp();
    const seen = queue.follow({ filter: { ...all, states: ['SUCCEEDED'] } });
    await queue.pass(50);
    for (let n = 0; n < 10; n += 1) queue.submit();
    await queue.pass(75_000);
    queue.log.first = queue.log.events.length + 1;
    const again = queue.follow({ token: seen.at(-1)?.resumeToken ?? '' });
    await queue.pass(100);
    expect(again[0]?.gap).toBe(false);
  });

  it('passes over no event that the replica that it reads from gets later than the leader', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    queue.log.behind = 2;
    const { id } = queue.submit();
    queue.change(id, claim);
    await queue.pass(12_000);
    expect(seen.every(({ gap, record }) => !gap && record === undefined)).toBe(true);
    queue.log.behind = 0;
    await queue.pass(6_000);
    expect(statesOf(seen)).toEqual(['RUNNING']);
  });

  it('says that there is a gap: events that are kept no longer, or a log that was lost; then it goes on', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const token = seen.at(-1)?.resumeToken ?? '';
    for (let n = 0; n < 4; n += 1) queue.submit();
    queue.log.first = 3;
    const late = queue.follow({ token });
    await queue.pass(100);
    expect([late[0]?.gap, statesOf(late)]).toEqual([true, ['QUEUED', 'QUEUED']]);
    queue.log.id = 'two';
    queue.log.first = 1;
    queue.log.events.splice(0);
    await queue.pass(5_100);
    queue.submit();
    await queue.pass(5_100);
    expect(late.filter(({ gap }) => gap)).toHaveLength(2);
    expect(statesOf(late)).toHaveLength(3);
  });

  it('says that there is a gap when the end of the log was lost, though positions have grown past it again', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(500);
    queue.submit();
    queue.submit();
    await queue.pass(500);
    const token = seen.at(-1)?.resumeToken ?? '';
    queue.log.events.splice(-2);
    for (let n = 0; n < 3; n += 1) queue.submit();
    const again = queue.follow({ token });
    await queue.pass(500);
    for (const watch of [seen, again]) expect(watch.filter(({ gap }) => gap)).toHaveLength(1);
    const { id } = queue.submit();
    await queue.pass(500);
    for (const watch of [seen, again]) expect(watch.at(-1)?.record?.id).toBe(id);
  });

  it('says that there is a gap when the log ends before where it stands', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(500);
    queue.submit();
    queue.submit();
    await queue.pass(500);
    queue.log.events.splice(-2);
    await queue.pass(6_000);
    expect(seen.filter(({ gap }) => gap)).toHaveLength(1);
    const { id } = queue.submit();
    await queue.pass(6_000);
    expect(seen.findLast(({ record }) => record !== undefined)?.record?.id).toBe(id);
  });

  it('refuses a queue that is not there, a wrong filter, and a token of something else', async () => {
    const queue = setUp();
    const first = (more: Partial<WatchJobsQuery>) => queue.query(more).next();
    await expect(first({ queue: 'videos' })).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    await expect(first({ filter: { ...all, handler: '?' } })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const token of ['x', Buffer.from('w1.8.1.one').toString('base64url')]) {
      await expect(first({ token })).rejects.toMatchObject({
        code: 'INVALID_RESUME_TOKEN',
        violations: [{ field: 'resume_token' }],
      });
    }
  });

  it('holds one page for a slow reader, however much happens, and tells him every end', async () => {
    const queue = setUp();
    const watch = queue.query();
    await watch.next();
    const ids = Array.from({ length: 800 }, () => queue.submit().id);
    const second = watch.next();
    await queue.pass(100);
    await second;
    const { pages } = queue.counts;
    for (const id of ids) {
      queue.change(id, claim);
      queue.change(id, succeed);
    }
    await queue.pass(20_000);
    expect([queue.counts.pages - pages, queue.counts.most]).toEqual([0, 500]);
    const ended = new Set<JobId>();
    while (ended.size < ids.length) {
      const next = watch.next();
      await queue.pass(50);
      const { value } = await next;
      if (value?.record !== undefined && isTerminal(value.record.state)) ended.add(value.record.id);
    }
    expect([...ended].sort()).toEqual([...ids].sort());
  });

  it('tells every end, and never an older state after a newer one, whatever news are lost and wherever it breaks off', async () => {
    const step = fc.record({
      job: fc.nat(3),
      command: fc.constantFrom<JobCommand>(claim, succeed, {
        kind: 'report',
        token: 't',
        outcome: { kind: 'stopped' },
      }),
      told: fc.boolean(),
      repeats: fc.nat(6),
      waitMs: fc.constantFrom(0, 50, 5_000),
      breaksOff: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const queue = setUp();
        const seen: JobsUpdate[][] = [queue.follow()];
        await queue.pass(50);
        const ids = Array.from({ length: 4 }, () => queue.submit().id);
        for (const { job, command, told, repeats, waitMs, breaksOff } of steps) {
          const id = ids[job];
          if (id !== undefined) queue.change(id, command, { told });
          queue.repeat(repeats);
          await queue.pass(waitMs);
          if (!breaksOff) continue;
          controllers.splice(0).forEach((controller) => controller.abort());
          await queue.pass(50);
          seen.push(queue.follow({ token: seen.flat().at(-1)?.resumeToken ?? '' }));
        }
        await queue.pass(6_000);
        for (const id of ids) {
          const seqs = seen.flat().flatMap(({ record }) => (record?.id === id ? [record.seq] : []));
          expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
          expect(seqs.at(-1)).toBe(queue.jobs.get(id)?.seq);
        }
        expect(queue.listeners.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a watch of a queue whose events lie in several logs', () => {
  it('goes on from a token of one log, and tells what happened to a job in both, in order and without a gap', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const token = seen.at(-1)?.resumeToken ?? '';
    const [first, second] = [queue.submit(), queue.submit()];
    queue.addLog();
    queue.change(first.id, claim);
    const ids = [first.id, second.id, queue.submit().id];
    const again = queue.follow({ token });
    await queue.pass(200);
    expect(again.filter(({ gap }) => gap)).toEqual([]);
    expect(again.flatMap(({ record }) => record?.id ?? [])).toEqual(ids);
    queue.change(first.id, succeed);
    await queue.pass(200);
    expect(again.at(-1)?.record).toMatchObject({ id: first.id, state: 'SUCCEEDED' });
  });

  it('hears at once of what is still published to the log of before', async () => {
    const queue = setUp();
    queue.addLog();
    const seen = queue.follow();
    await queue.pass(50);
    const { id } = queue.submit();
    await queue.pass(200);
    queue.change(id, claim, { early: true });
    await queue.pass(200);
    queue.change(id, succeed);
    await queue.pass(200);
    expect(statesOf(seen)).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED']);
  });

  it('goes on after any message, from the token of that message', async () => {
    const queue = setUp();
    const seen = queue.follow();
    await queue.pass(50);
    const token = seen.at(-1)?.resumeToken ?? '';
    const early = [queue.submit().id, queue.submit().id];
    queue.addLog();
    const ids = [...early, queue.submit().id, queue.submit().id];
    const all = queue.follow({ token });
    await queue.pass(200);
    for (const [index, { resumeToken }] of all.entries()) {
      const again = queue.follow({ token: resumeToken });
      await queue.pass(200);
      expect(again.flatMap(({ record }) => record?.id ?? [])).toEqual(ids.slice(index));
    }
    expect(all).toHaveLength(1 + ids.length);
  });

  it('says that there is a gap when one of the logs has lost its end, or an added one keeps its first events no longer', async () => {
    const queue = setUp();
    queue.addLog();
    const seen = queue.follow();
    await queue.pass(50);
    queue.submit();
    await queue.pass(500);
    queue.logs[1]?.events.splice(-1);
    await queue.pass(6_000);
    expect(seen.filter(({ gap }) => gap)).toHaveLength(1);
    const token = seen.at(-1)?.resumeToken ?? '';
    queue.addLog();
    queue.submit();
    queue.submit();
    const added = queue.logs[2];
    if (added !== undefined) added.first = 2;
    const again = queue.follow({ token });
    await queue.pass(200);
    expect([again[0]?.gap, statesOf(again)]).toEqual([true, ['QUEUED']]);
  });
});
