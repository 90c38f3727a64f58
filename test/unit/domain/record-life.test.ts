/** How long a job may take and its record stays: the retention ends what has not ended, and a late end is readable. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endsByMs, expiresAtMs, goneAtMs, keptAfterEndMs, listedUntilMs } from '../../../src/domain/record-life.ts';
import { nextDeadline } from '../../../src/domain/deadline.ts';
import { decide } from '../../../src/domain/transitions.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { testRecord } from '../../support/jobs.ts';

const hourMs = 3_600_000;
const startMs = 1_700_000_000_000;

function after(record: JobRecord, command: Parameters<typeof decide>[1], atMs: number): JobRecord {
  const decision = decide(record, command, atMs, 0.5);
  if (decision.kind !== 'changed') throw new Error(decision.refusal);
  return decision.record;
}

describe('a job that has not ended by its retention', () => {
  it('is ended then: EXPIRED before any start, with why', () => {
    const record = testRecord({ retentionMs: 60_000 });
    expect(nextDeadline(record)).toEqual({ atMs: startMs + 60_000, command: 'expire' });
    expect(decide(record, { kind: 'expire' }, startMs + 59_999, 0)).toEqual({ kind: 'refused', refusal: 'not-due' });
    const expired = after(record, { kind: 'expire' }, startMs + 60_000);
    expect(expired).toMatchObject({
      state: 'EXPIRED',
      failure: { reason: 'DEADLINE_EXCEEDED', message: 'its retention was over before the first attempt' },
    });
  });

  it('is FAILED once it had begun, and a retry past it is not waited for', () => {
    const spec = { retentionMs: 60_000, retry: { maxAttempts: 9, initialMs: hourMs, coefficient: 1, maxMs: hourMs } };
    const running = after(testRecord(spec), { kind: 'claim', node: 'n', token: 't' }, startMs + 1_000);
    const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;
    const retrying = after(
      running,
      { kind: 'report', token: 't', outcome: { kind: 'failed', failure, retryable: true } },
      startMs + 2_000,
    );
    expect(retrying.readyAtMs).toBeGreaterThan(startMs + 60_000);
    expect(nextDeadline(retrying)).toEqual({ atMs: startMs + 60_000, command: 'expire' });
    expect(after(retrying, { kind: 'expire' }, startMs + 60_000)).toMatchObject({
      state: 'FAILED',
      failure: { reason: 'DEADLINE_EXCEEDED', message: 'its retention was over between attempts' },
    });
  });

  it('has a shorter total timeout instead, if it was given one', () => {
    expect(endsByMs(testRecord({ retentionMs: hourMs, totalTimeoutMs: 5_000 }))).toBe(startMs + 5_000);
  });
});

describe('a record', () => {
  it('is never gone before its job has ended, nor within the stated time after that', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60_000, max: 400 * 24 * hourMs }),
        fc.integer({ min: 0, max: 500 * 24 * hourMs }),
        (retentionMs, tookMs) => {
          const record = testRecord({ retentionMs });
          expect(goneAtMs(record)).toBe(Infinity);
          expect(expiresAtMs(record)).toBe(startMs + retentionMs);
          const ended = after(record, { kind: 'cancel', reason: '' }, startMs + tookMs);
          const gone = goneAtMs(ended);
          expect(gone).toBeGreaterThanOrEqual(startMs + retentionMs);
          expect(gone).toBeGreaterThanOrEqual(startMs + tookMs + Math.min(retentionMs, hourMs));
          expect([gone, gone]).toEqual([expiresAtMs(ended), listedUntilMs(ended)]);
          // Who ends in time leaves no list before its record goes.
          if (tookMs <= retentionMs) expect(listedUntilMs(record)).toBeGreaterThanOrEqual(gone);
        },
      ),
    );
  });

  it('of a job that ended early goes with its retention', () => {
    const ended = after(testRecord({ retentionMs: 7 * 24 * hourMs }), { kind: 'cancel', reason: '' }, startMs + 5_000);
    expect(goneAtMs(ended)).toBe(startMs + 7 * 24 * hourMs);
    expect([keptAfterEndMs({ retentionMs: 60_000 }), keptAfterEndMs({ retentionMs: 2 * hourMs })]).toEqual([
      60_000,
      hourMs,
    ]);
  });
});
