/** How long rows of Cassandra live. */
import { expect, it } from 'vitest';
import { storedUntilMs, unfinishedMarginMs } from '../../../../src/adapters/cassandra/time-to-live.ts';
import { decide } from '../../../../src/domain/transitions.ts';
import { testRecord } from '../../../support/jobs.ts';

const createdAtMs = 1_700_000_000_000;
const yearMs = 365 * 86_400_000;

function runningSince(startedAtMs: number) {
  const queued = testRecord({ retentionMs: 60_000 }, { nowMs: createdAtMs });
  const claimed = decide(queued, { kind: 'claim', node: 'n', token: 't' }, startedAtMs, 0);
  if (claimed.kind !== 'changed') throw new Error(claimed.refusal);
  return claimed.record;
}

it('a record that has not ended stays for 3 days past its retention', () => {
  expect(storedUntilMs(runningSince(createdAtMs + 1))).toBe(createdAtMs + 60_000 + unfinishedMarginMs);
});

it('and for as long past what was decided last: an owner whose clock was years behind takes no job with it', () => {
  const record = runningSince(createdAtMs + yearMs);
  expect(storedUntilMs(record)).toBe(createdAtMs + yearMs + unfinishedMarginMs);
  const ended = decide(
    record,
    { kind: 'report', token: 't', outcome: { kind: 'succeeded' } },
    createdAtMs + yearMs + 5,
    0,
  );
  if (ended.kind !== 'changed') throw new Error(ended.refusal);
  // Not shorter than that of the versions before its end.
  expect(storedUntilMs(ended.record)).toBeGreaterThanOrEqual(storedUntilMs(record));
});
