/** Jobs in the console: the walk back in time, filters in addresses, attempts on a line of time, a clone. */
import { describe, expect, it } from 'vitest';
import {
  goOn,
  pagesMax,
  pause,
  startWalk,
  type Walk,
  walkRequest,
  withPage,
} from '../../../console/src/live/job-walk.ts';
import { attemptLanes } from '../../../console/src/text/attempt-lanes.ts';
import { cloneCli, cloneRequest, jsonProblem } from '../../../console/src/text/clone.ts';
import {
  beginOf,
  filterCli,
  filterLink,
  filterOf,
  filterRequest,
  isEndedBadly,
} from '../../../console/src/text/job-filter.ts';

const nowMs = Date.UTC(2026, 10, 30, 14, 20);
const minuteMs = 60_000;
const at = (minutesAgo: number): string => new Date(nowMs - minutesAgo * minuteMs).toISOString();
const job = (id: string, minutesAgo: number) => ({ id, createTime: at(minutesAgo) });

describe('a walk', () => {
  const bounds = { beginMs: nowMs - 120 * minuteMs, isOneStretch: false };
  const page = (walk: Walk, jobs: readonly { id: string; createTime: string }[], nextPageToken: string): Walk =>
    withPage(walk, { jobs, nextPageToken }, bounds);
  const backMinutes = ({ searchedBackMs }: Walk): number => (nowMs - searchedBackMs) / minuteMs;

  it('says how far back it has looked, also when nothing was there', () => {
    let walk = startWalk(nowMs, bounds);
    walk = page(walk, [job('c', 1), job('b', 5)], 'more');
    expect([walk.jobs.length, backMinutes(walk), walk.status]).toEqual([2, 5, 'walking']);
    walk = page(walk, [], 'more');
    expect(backMinutes(walk)).toBe(5);
    walk = page(walk, [], '');
    expect(backMinutes(walk)).toBe(15);
    expect(walkRequest(walk, 'mails', { states: ['JOB_STATE_QUEUED'] })).toEqual({
      queue: 'mails',
      pageSize: 100,
      pageToken: '',
      filter: { states: ['JOB_STATE_QUEUED'], createdFrom: at(45), createdBefore: at(15) },
    });
    walk = page(page(walk, [job('a', 30)], ''), [], '');
    expect([backMinutes(walk), walk.status, walk.jobs.map(({ id }) => id)]).toEqual([105, 'walking', ['c', 'b', 'a']]);
    expect(page(walk, [], '')).toMatchObject({ status: 'done', searchedBackMs: bounds.beginMs });
  });

  it('rests after some pages, goes on when told, and can be stopped', () => {
    let walk = startWalk(nowMs, bounds);
    for (let n = 0; n < pagesMax; n += 1) walk = page(walk, [], 'more');
    expect(walk.status).toBe('paused');
    expect(goOn(walk)).toMatchObject({ status: 'walking', pages: 0 });
    expect(pause(goOn(walk)).status).toBe('paused');
    const done = page(startWalk(nowMs, { ...bounds, beginMs: nowMs - minuteMs }), [], '');
    expect([goOn(done).status, pause(done).status]).toEqual([done.status, 'paused']);
  });

  it('has no job twice, and takes what ended badly in one stretch', () => {
    const walk = page(page(startWalk(nowMs, bounds), [job('a', 1)], 'more'), [job('a', 1), job('b', 2)], 'more');
    expect(walk.jobs.map(({ id }) => id)).toEqual(['a', 'b']);
    const one = startWalk(nowMs, { ...bounds, isOneStretch: true });
    expect(withPage(one, { jobs: [], nextPageToken: '' }, bounds).status).toBe('done');
  });
});

describe('a filter', () => {
  it('is what its link says', () => {
    for (const link of [
      '',
      'queue=mails&state=RUNNING&handler=a.b&label=x%3D1%3D2&since=1h',
      'state=ALL&label=nothing',
    ]) {
      const filter = filterOf(new URLSearchParams(link));
      const again = filterOf(new URL(filterLink(filter), 'http://h/').searchParams);
      expect(again).toEqual(filter);
    }
  });

  it('begins with what ended badly, which is cheap to find far back', () => {
    const filter = filterOf(new URLSearchParams());
    expect(filter).toMatchObject({ queue: 'default', states: ['FAILED', 'EXPIRED'], since: '7d' });
    expect([
      isEndedBadly(filter),
      isEndedBadly({ states: [] }),
      isEndedBadly({ states: ['FAILED', 'RUNNING'] }),
    ]).toEqual([true, false, false]);
    expect(filterOf(new URLSearchParams('state=RUNNING')).since).toBe('15m');
  });

  it('is a request and a command', () => {
    const filter = filterOf(new URLSearchParams('queue=mails&state=FAILED&label=customer%3DAnn+%26+Co&since=15m'));
    expect(filterRequest(filter)).toEqual({ states: ['JOB_STATE_FAILED'], labels: { customer: 'Ann & Co' } });
    expect(beginOf(filter, nowMs)).toBe(nowMs - 15 * minuteMs);
    expect(filterCli(filter, nowMs)).toBe(
      "troupe list --queue mails --state FAILED --label 'customer=Ann & Co' --from 2026-11-30T14:05:00Z",
    );
  });
});

describe('attempts on a line of time', () => {
  it('show waits and runs, and one that runs until now', () => {
    const { lanes, beginMs, endMs } = attemptLanes(
      {
        createTime: at(10),
        attempts: [
          { number: 1, startTime: at(8), endTime: at(6), outcome: 'ATTEMPT_OUTCOME_FAILED' },
          { number: 2, startTime: at(5) },
        ],
      },
      nowMs,
    );
    expect([beginMs, endMs]).toEqual([nowMs - 10 * minuteMs, nowMs]);
    expect(lanes.map(({ waitFrom, from, until }) => [waitFrom, from, until])).toEqual([
      [0, 0.2, 0.4],
      [0.4, 0.5, 1],
    ]);
    expect(lanes.map(({ waitMs, runMs }) => [waitMs / minuteMs, runMs / minuteMs])).toEqual([
      [2, 2],
      [1, 5],
    ]);
  });

  it('begin with the first attempt that is kept', () => {
    const { beginMs } = attemptLanes(
      { createTime: at(100), attempts: [{ number: 7, startTime: at(3), endTime: at(2) }] },
      nowMs,
    );
    expect(beginMs).toBe(nowMs - 3 * minuteMs);
  });
});

describe('a clone', () => {
  const spec = {
    handler: 'a.b',
    queue: 'mails',
    priority: 4,
    labels: { x: '1' },
    unique: { key: 'k' },
    runTime: at(0),
    input: { json: '1' },
  };

  it('keeps what was asked for, but its unique key and its time', () => {
    expect(cloneRequest({ spec }, '{ "n": 2 }')).toEqual({
      job: { handler: 'a.b', queue: 'mails', priority: 4, labels: { x: '1' }, input: { json: '{"n":2}' } },
    });
    expect(cloneCli({ spec }, '{ "n": 2 }', 'INC-1')).toBe(
      `troupe submit a.b '{"n":2}' --queue mails --priority 4 --label x=1 --audit-reason INC-1`,
    );
  });

  it('says what is no JSON, and leaves the last word to the gateway', () => {
    expect(jsonProblem('{')).toMatch(/^This is no JSON: /);
    expect(jsonProblem('{}')).toBe('');
    expect(cloneRequest({ spec: {} }, '{')).toEqual({ job: { input: { json: '{' } } });
  });
});
