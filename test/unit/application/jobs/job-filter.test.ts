/** What a list shows, what is wrong with a filter, and when two filters are the same. */
import { describe, expect, it } from 'vitest';
import {
  checkFilter,
  endedOf,
  filterDigest,
  type JobFilter,
  matcherOf,
} from '../../../../src/application/jobs/job-filter.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { checkLabels, labelsMax } from '../../../../src/domain/labels.ts';
import type { TroupeError } from '../../../../src/domain/errors.ts';
import type { JobRecord } from '../../../../src/domain/job.ts';
import { callerWith, mayEverything } from '../../../support/callers.ts';
import { testRecord } from '../../../support/jobs.ts';

const none: JobFilter & { readonly oldestFirst: boolean } = { states: [], handler: '', labels: {}, oldestFirst: false };

describe('a filter', () => {
  it('that asks for nothing looks at nothing', () => {
    expect(matcherOf(none)).toBeUndefined();
  });

  it('must hold in all its parts', () => {
    const record = testRecord({ handler: 'a.b', labels: { team: 'blue', size: 'xl' } });
    const cases: [Partial<JobFilter>, boolean][] = [
      [{ states: ['FAILED', 'QUEUED'] }, true],
      [{ states: ['FAILED'] }, false],
      [{ handler: 'a.b', labels: { team: 'blue' } }, true],
      [{ handler: 'a.b', labels: { team: 'blue', size: 's' } }, false],
      [{ labels: { toString: 'x' } }, false],
    ];
    for (const [filter, matches] of cases) expect(matcherOf({ ...none, ...filter })?.(record)).toBe(matches);
    expect(matcherOf({ ...none, labels: { team: 'blue' } })?.(testRecord())).toBe(false);
  });

  it('by reason means failed jobs, and by the time of the end jobs that have one', () => {
    const failure = { reason: 'POISON', message: '' } as const;
    const failed = { ...testRecord(), state: 'FAILED', failure, finishedAtMs: 50 } as const;
    const poison: Partial<JobFilter> = { failureReasons: ['POISON'] };
    const shows = (filter: Partial<JobFilter>, record: JobRecord) => matcherOf({ ...none, ...filter })?.(record);
    expect([shows(poison, failed), shows(poison, { ...failed, state: 'RETRYING' })]).toEqual([true, false]);
    expect(shows({ ...poison, states: ['RETRYING'] }, { ...failed, state: 'RETRYING' })).toBe(true);
    expect(shows({ failureReasons: ['NODE_LOST'] }, failed)).toBe(false);
    expect(shows({ endedFromMs: 50, endedBeforeMs: 51 }, failed)).toBe(true);
    expect([shows({ endedBeforeMs: 50 }, failed), shows({ endedFromMs: 1 }, testRecord())]).toEqual([false, false]);
  });

  it('that asks for what ended without success alone looks at nothing else', () => {
    expect(endedOf({ ...none, failureReasons: ['POISON'] })).toEqual({ states: ['FAILED'], reasons: ['POISON'] });
    expect(endedOf({ ...none, states: ['EXPIRED', 'CANCELLED'] })).toMatchObject({ states: ['CANCELLED', 'EXPIRED'] });
    expect([endedOf(none), endedOf({ ...none, states: ['FAILED', 'SUCCEEDED'] })]).toEqual([undefined, undefined]);
  });

  it('is refused with every field that is wrong', () => {
    const bad = { handler: 'a b', labels: { '': 'x', ok: 'y'.repeat(129) }, createdFromMs: 5, createdBeforeMs: 5 };
    const refuse = (): void => {
      checkFilter({ principal: mayEverything }, '', { ...none, ...bad });
    };
    expect(refuse).toThrow();
    try {
      refuse();
    } catch (error) {
      const fields = (error as TroupeError).violations.map(({ field }) => field);
      expect(fields).toEqual(['filter.handler', 'filter.labels[]', 'filter.labels[ok]', 'filter.created_before']);
    }
  });

  it('by the texts of failures is for those alone who may read them, in the queue in question', () => {
    const allow = (principal: Principal, queue: string, failureKind: string): void => {
      checkFilter({ principal }, queue, { ...none, failureKind });
    };
    const [withTexts, without] = ['t73332cc53a03311', 'pf7fe1fe28fdde5a'];
    const reader = callerWith(['jobs.read']);
    const some = { ...mayEverything, onlyIn: new Map([['payloads.read', ['mail']]] as const) };
    expect(() => {
      allow(reader, 'mail', withTexts);
    }).toThrow(expect.objectContaining({ code: 'PERMISSION_MISSING', metadata: { permission: 'payloads.read' } }));
    expect(() => {
      allow(some, '', withTexts);
    }).toThrow(expect.objectContaining({ code: 'PERMISSION_MISSING' }));
    allow(some, 'mail', withTexts);
    allow(reader, 'mail', without);
  });

  it('has the same digest however it is written, and another for another list', () => {
    const one = filterDigest({ ...none, states: ['FAILED', 'QUEUED'], labels: { a: '1', b: '2' } });
    expect(filterDigest({ ...none, states: ['QUEUED', 'FAILED', 'FAILED'], labels: { b: '2', a: '1' } })).toBe(one);
    const others = [
      {},
      { oldestFirst: true },
      { endedFromMs: 1 },
      { failureReasons: ['POISON' as const] },
      { handler: 'a' },
      { createdFromMs: 1 },
      { createdBeforeMs: 1 },
    ];
    const digests = others.map((other) => filterDigest({ ...none, ...other }));
    expect(new Set([one, ...digests]).size).toBe(others.length + 1);
  });
});

it('labels are few', () => {
  const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, 'v']));
  expect(checkLabels(labels(labelsMax))).toEqual([]);
  expect(checkLabels(labels(labelsMax + 1))).toMatchObject([{ key: 'l16' }]);
});
