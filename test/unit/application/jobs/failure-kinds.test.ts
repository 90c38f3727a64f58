// Kinds of failures of a queue: what one answer looks at, and how much of it is in memory.
import { expect, it } from 'vitest';
import { createListFailureKinds } from '../../../../src/application/jobs/failure-kinds.ts';
import type { ListJobs, ListJobsQuery } from '../../../../src/application/jobs/list-jobs.ts';
import type { JobRecord } from '../../../../src/domain/job.ts';
import { callerWith, mayEverything } from '../../../support/callers.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const context = { tenant: 'default', principal: mayEverything, requestId: 'r', reserve: () => undefined };
const anything = { queue: '', states: [], handler: '', labels: {}, pageToken: '' };

const failed = (count: number): JobRecord[] =>
  Array.from({ length: count }, (_, n) => ({
    ...testRecord({}, { unique: BigInt(n + 1) }),
    state: 'FAILED',
    failure: { reason: 'HANDLER_FAILED', message: `row ${n} of ${n % 2 === 0 ? 'even' : 'odd'}` },
  }));

/** `fullUntil`: pages that begin behind it are half as large as was asked. */
function kindsOf(records: readonly JobRecord[], fullUntil = Infinity) {
  const asked: ListJobsQuery[] = [];
  const listJobs: ListJobs = (_context, query) => {
    asked.push(query);
    const from = Number(query.pageToken);
    const next = from + (from < fullUntil ? query.pageSize : query.pageSize / 2);
    const page = records.slice(from, next);
    return Promise.resolve({ records: page, ...(next < records.length ? more(next) : { nextPageToken: '' }) });
  };
  const more = (next: number) => ({ nextPageToken: String(next), searchedToMs: next });
  return { asked, list: createListFailureKinds({ listJobs, clock: createManualClock() }) };
}

it('one answer looks at 1,000 jobs, 250 at a time, and says where the next goes on', async () => {
  const { asked, list } = kindsOf(failed(1_250));
  const first = await list(context, anything);
  expect(asked.map(({ pageToken, pageSize, states }) => [Number(pageToken), pageSize, states])).toEqual(
    Array.from({ length: 4 }, (_, n) => [250 * n, 250, ['FAILED']]),
  );
  expect(first).toMatchObject({ lookedAt: 1_000, nextPageToken: '1000', searchedToMs: 1_000 });
  expect(first.kinds).toMatchObject([
    { message: 'row # of even', jobs: 500, sampleIds: { length: 5 } },
    { message: 'row # of odd', jobs: 500 },
  ]);
  const { endedFromMs } = first;
  const rest = await list(context, { ...anything, endedFromMs, pageToken: first.nextPageToken });
  expect(rest).toMatchObject({ lookedAt: 250, nextPageToken: '', searchedToMs: endedFromMs });
});

it('an answer ends when the store has looked at what it may for one page', async () => {
  const { asked, list } = kindsOf(failed(1_000), 250);
  expect(await list(context, anything)).toMatchObject({ lookedAt: 375, nextPageToken: '375' });
  expect(asked).toHaveLength(2);
});

it('whoever may not read texts gets kinds without them', async () => {
  const { list } = kindsOf(failed(10));
  const { kinds } = await list({ ...context, principal: callerWith(['jobs.read']) }, anything);
  expect(kinds).toMatchObject([{ jobs: 10, reason: 'HANDLER_FAILED' }]);
  expect(JSON.stringify(kinds)).not.toContain('row');
});
