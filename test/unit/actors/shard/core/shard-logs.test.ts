// What a shard holds of its runs' logs: a gap is found out, and memory is bounded by attempts and by bytes.
import { expect, it } from 'vitest';
import { ShardLogs } from '../../../../../src/actors/shard/core/shard-logs.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import type { LogLine } from '../../../../../src/domain/job-log.ts';
import { testRecord } from '../../../../support/jobs.ts';

const lines = (attempt: number, from: number, through: number, text = ''): LogLine[] =>
  Array.from({ length: through - from + 1 }, (_, at) => {
    return { attempt, number: from + at, atMs: 1, level: 'info', text };
  });
const start = { attempt: 0, number: 0 };
const [a, b] = ['a' as JobId, 'b' as JobId];

it('takes what follows on what it knows; to a new owner all is told again', () => {
  const logs = new ShardLogs();
  expect(logs.add(a, 1, 5, lines(1, 6, 8))).toBe(0);
  expect(logs.read(a, start)).toEqual([]);
  expect(logs.add(a, 1, 0, lines(1, 1, 8))).toBe(8);
  expect(logs.add(a, 1, 5, lines(1, 6, 9))).toBe(9);
  expect(logs.read(a, { attempt: 1, number: 7 }).map(({ number }) => number)).toEqual([8, 9]);
});

it('holds two attempts of a job, and none that the store has or whose job has ended', () => {
  const logs = new ShardLogs();
  for (const attempt of [1, 2, 3]) logs.add(a, attempt, 0, lines(attempt, 1, 2));
  expect(logs.read(a, start).map(({ attempt }) => attempt)).toEqual([2, 2]);
  expect(logs.read(a, { attempt: 2, number: 2 }).map(({ attempt }) => attempt)).toEqual([3, 3]);
  const record = { ...testRecord(), id: a, logs: [{ attempt: 2, payload: { kind: 'json', json: '[]' } as const }] };
  logs.landed(record);
  expect(logs.read(a, start).map(({ attempt }) => attempt)).toEqual([3, 3]);
  logs.landed({ ...record, state: 'FAILED' });
  expect([logs.read(a, start), logs.bytes]).toEqual([[], 0]);
});

it('forgets the oldest job when it is full', () => {
  const logs = new ShardLogs(50_000);
  logs.add(a, 1, 0, lines(1, 1, 20, 'x'.repeat(2_000)));
  logs.add(b, 1, 0, lines(1, 1, 20, 'x'.repeat(2_000)));
  expect([logs.read(a, start).length, logs.read(b, start).length]).toEqual([0, 20]);
  expect(logs.bytes).toBeLessThanOrEqual(50_000);
});

it('answers with one attempt at a time, all of it and no more than the bound of one', () => {
  const logs = new ShardLogs();
  for (const attempt of [1, 2]) logs.add(a, attempt, 0, lines(attempt, 1, 100, 'x'.repeat(2_000)));
  const first = logs.read(a, start);
  expect([first[0], first.at(-1)]).toMatchObject([
    { attempt: 1, number: 1 },
    { attempt: 1, number: 100 },
  ]);
  expect(first.length * 2_000).toBeLessThanOrEqual(64 * 1_024);
  const second = logs.read(a, { attempt: 1, number: 100 });
  expect(second.map(({ number }) => number)).toEqual(first.map(({ number }) => number));
  expect(second.every(({ attempt }) => attempt === 2)).toBe(true);
});
