import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FadingCount } from '../../../src/domain/fading-count.ts';
import { addFailureCounts, FailureCounts } from '../../../src/domain/failure-counts.ts';
import { addWeights } from '../../../src/domain/duration-histogram.ts';
import {
  byPress,
  noFigures,
  noSurvey,
  packed,
  pressOf,
  type QueueSurvey,
  type SurveyFigures,
  type SurveyRow,
  SurveySum,
  unpacked,
} from '../../../src/domain/queue-survey.ts';
import { testRecord } from '../../support/jobs.ts';

const nowMs = 1_700_000_000_000;

function figures(changes: Partial<SurveyFigures> = {}, waiting = 0): SurveyFigures {
  return { ...noFigures, waiting: [0, 0, waiting, 0, 0], ...changes };
}
const row = (queue: string, some: SurveyFigures = noFigures): SurveyRow => ({ ...some, queue, waits: [] });
const oldest = (waitedMs: number) => ({ oldestReadyAtMs: nowMs - waitedMs });

describe('queues that need somebody most', () => {
  it('come first: long waits, then failures, then work that runs, then idle ones by name', () => {
    const rows = [
      row('idle-b'),
      row('idle-a'),
      row('runs', figures({ running: 50 })),
      row('fails', figures({ failedAttempts: 3, ends: 3 })),
      row('waits-short', figures(oldest(2_000), 3)),
      row('waits-long', figures(oldest(900_000), 3)),
      row('paused', figures({ ...oldest(900_000), pausedWaiting: 3 }, 3)),
    ];
    const order = byPress(rows, nowMs).map(({ queue }) => queue);
    expect(order).toEqual(['waits-long', 'fails', 'paused', 'waits-short', 'runs', 'idle-a', 'idle-b']);
  });

  it('press more with each job that waits, each second it waits, and each failure', () => {
    const base = figures({ ...oldest(60_000), ends: 4, failedAttempts: 1 }, 5);
    const press = pressOf(base, nowMs);
    expect(pressOf(figures({ ...base, waiting: [0, 0, 9, 0, 0] }), nowMs)).toBeGreaterThan(press);
    expect(pressOf(base, nowMs + 60_000)).toBeGreaterThan(press);
    expect(pressOf({ ...base, failedAttempts: 3 }, nowMs)).toBeGreaterThan(press);
  });
});

describe('surveys of shards', () => {
  it('add up: rows of a queue, codes, needs, sums; queues are left out once', () => {
    const one: QueueSurvey = {
      ...noSurvey,
      rows: [{ ...row('a', figures(oldest(5_000), 2)), waits: [3, 1, 2] }, row('b', figures({ running: 1 }))],
      omitted: 7,
      totals: figures({ ...oldest(5_000), running: 1 }, 2),
      waits: [0, 0, 0, 1, 2],
      failures: [{ code: 'E', count: 2, lastAtMs: 5, queue: 'a', handler: 'h', jobId: '1' }],
      unserved: [{ handler: 'x', jobs: 2, queue: 'a' }],
    };
    const other: QueueSurvey = {
      ...one,
      rows: [{ ...row('a', figures(oldest(9_000), 3)), waits: [4, 5] }],
      omitted: 5,
      failures: [
        { code: 'F', count: 9, lastAtMs: 1, queue: 'a', handler: 'h', jobId: '2' },
        { code: 'E', count: 1, lastAtMs: 8, queue: 'b', handler: 'h', jobId: '3' },
      ],
    };
    const sum = new SurveySum();
    sum.add(one);
    sum.add(other);
    const total = sum.total(nowMs);
    expect(total.rows[0]).toMatchObject({ queue: 'a', waiting: [0, 0, 5, 0, 0], ...oldest(9_000), waits: [3, 1, 7] });
    expect(total.rows.map(({ queue }) => queue)).toEqual(['a', 'b']);
    expect(total).toMatchObject({ omitted: 7, totals: { running: 2 }, waits: [0, 0, 0, 2, 4] });
    expect(total.failures.map(({ code, count, jobId }) => [code, count, jobId])).toEqual([
      ['F', 9, '2'],
      ['E', 3, '3'],
    ]);
    expect(total.unserved).toEqual([{ handler: 'x', jobs: 4, queue: 'a' }]);
  });

  it('keep every weight when they are packed', () => {
    const weights = fc.array(fc.nat(5), { maxLength: 20 });
    fc.assert(
      fc.property(weights, weights, (one, other) => {
        const trimmed = one.slice(0, one.findLastIndex((weight) => weight > 0) + 1);
        expect(unpacked(packed(trimmed))).toEqual(trimmed);
        const sum = addWeights(unpacked(packed(one)), unpacked(packed(other)));
        const total = (all: readonly number[]): number => all.reduce((left, right) => left + right, 0);
        expect(total(sum)).toBe(total(one) + total(other));
      }),
    );
  });
});

describe('failures by code', () => {
  it('fade: after five minutes e times fewer, and then none', () => {
    const count = new FadingCount();
    for (let n = 0; n < 10; n += 1) count.add(nowMs);
    expect(count.about(nowMs)).toBeCloseTo(10);
    expect(count.about(nowMs + 300_000)).toBeCloseTo(10 / Math.E);
    expect(count.about(nowMs - 1_000)).toBeCloseTo(10);
    expect(count.about(nowMs + 3_600_000)).toBe(0);
  });

  it('keep the frequent ones when there are too many, and need no more memory', () => {
    const counts = new FailureCounts();
    const record = testRecord();
    for (let n = 0; n < 5; n += 1) counts.add('E_DISK', record, nowMs);
    for (let n = 0; n < 1_000; n += 1) counts.add(`E_${n}`, record, nowMs + n);
    const all = [...counts.counts('default', nowMs + 1_000)];
    expect(all).toHaveLength(20);
    expect(all.find(({ code }) => code === 'E_DISK')?.count).toBeGreaterThan(4.9);
    expect([counts.isCold(nowMs + 1_000), counts.isCold(nowMs + 3_600_000)]).toEqual([false, true]);
    expect([...counts.counts('default', nowMs + 3_600_000)]).toEqual([]);
  });

  it('name whoever failed last', () => {
    const one = { code: 'E', count: 1, lastAtMs: 5, queue: 'a', handler: 'h', jobId: '1' };
    expect(addFailureCounts(undefined, one)).toBe(one);
    const other = { ...one, lastAtMs: 9, jobId: '2' };
    expect(addFailureCounts(one, other)).toMatchObject({ count: 2, jobId: '2' });
    expect(addFailureCounts(other, one)).toMatchObject({ count: 2, jobId: '2' });
  });
});
