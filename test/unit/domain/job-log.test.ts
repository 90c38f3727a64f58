// The bounded log of an attempt: its beginning, its newest lines, and numbers that say what is missing.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isAfter, JobLog, type LogLine, skippedBefore, storedLogsMax, withLog } from '../../../src/domain/job-log.ts';
import { testRecord } from '../../support/jobs.ts';

const line = (number: number, text = '', attempt = 1): LogLine => ({ attempt, number, atMs: 1, level: 'info', text });

it('keeps the beginning and the end, in order, within its bound, whatever is said', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 300 }), (lengths) => {
      const log = new JobLog();
      lengths.forEach((length, at) => {
        log.add(line(at + 1, 'ä'.repeat(length)));
      });
      const numbers = log.after(0).map(({ number }) => number);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(log.bytes).toBeLessThanOrEqual(64 * 1_024);
      expect(log.through).toBe(lengths.length);
      if (lengths.length > 0) expect([numbers[0], numbers.at(-1)]).toEqual([1, lengths.length]);
      const kept = numbers.length;
      let [skipped, seen] = [0, { attempt: 1, number: 0 }];
      for (const next of log.after(0)) {
        skipped += skippedBefore(next, seen);
        seen = next;
      }
      expect(kept + skipped).toBe(lengths.length);
    }),
  );
});

it('takes a line once, and gives those after a given one', () => {
  const log = new JobLog();
  for (const number of [1, 2, 2, 1, 3]) log.add(line(number));
  expect(log.after(1).map(({ number }) => number)).toEqual([2, 3]);
});

it('is ordered by attempt, then number; what is missing is counted within an attempt', () => {
  expect(isAfter(line(1, '', 2), line(9))).toBe(true);
  expect(isAfter(line(9), line(1, '', 2))).toBe(false);
  expect(skippedBefore(line(4, '', 2), line(9))).toBe(3);
  expect(skippedBefore(line(9), line(4))).toBe(4);
});

it('is kept for the newest attempts that said something', () => {
  let record = testRecord();
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    record = withLog({ ...record, attempt }, attempt === 5 ? undefined : { kind: 'json', json: String(attempt) });
  }
  expect(record.logs?.map(({ attempt }) => attempt)).toEqual([3, 4, 6]);
  expect(record.logs).toHaveLength(storedLogsMax);
});
