// Values that would arrive at the gateway as other ones: each is named by its path in the contract.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Init, loadContract } from '../../../src/contract/codec.ts';
import type * as wire from '../../../src/contract/messages.ts';
import { timestampMs, toTime } from '../../../src/contract/time.ts';

const { jobs, queues } = loadContract();
const { SubmitJob } = jobs;

function wrongWith(job: Init<wire.JobSpec>): readonly string[] {
  return SubmitJob.requestViolations({ job: { handler: 'test.echo', ...job } }).map(({ field }) => field);
}

describe('what the wire cannot say', () => {
  it.each([
    ['NaN, which would be 0', Number.NaN],
    ['2^32, which would be 0', 2 ** 32],
    ['2^32 + 1, which would be 1', 2 ** 32 + 1],
    ['1.5, which would be 1', 1.5],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['text', '1' as unknown as number],
  ])('%s is no priority', (_what, priority) => {
    expect(wrongWith({ priority })).toEqual(['job.priority']);
  });

  it('names every field, also within lists, maps and messages', () => {
    const half = 'a\uD83C';
    const job = {
      queue: half,
      runTime: toTime(Number.NaN),
      heartbeatTimeout: toTime(Number.NaN),
      totalTimeout: toTime(Number.POSITIVE_INFINITY),
      retry: { maxAttempts: 2 ** 32 + 1, coefficient: Number.NaN, nonRetryableCodes: { codes: ['A', half] } },
      labels: { good: 'yes', bad: half, [half]: 'x' },
      refuseLate: 'no' as unknown as boolean,
      input: { data: 'text' as unknown as Uint8Array },
      unique: { key: 'k', onConflict: Number.NaN },
    };
    expect(wrongWith(job).toSorted()).toEqual([
      'job.heartbeat_timeout',
      'job.input.data',
      'job.labels[a\uFFFD]',
      'job.labels[bad]',
      'job.queue',
      'job.refuse_late',
      'job.retry.coefficient',
      'job.retry.max_attempts',
      'job.retry.non_retryable_codes.codes[1]',
      'job.run_time',
      'job.total_timeout',
      'job.unique.on_conflict',
    ]);
  });

  it('has bounds for times and durations', () => {
    const lastMs = Date.parse('9999-12-31T23:59:59.999Z');
    expect(wrongWith({ runTime: toTime(lastMs) })).toEqual([]);
    expect(wrongWith({ runTime: toTime(lastMs + 1) })).toEqual(['job.run_time']);
    expect(wrongWith({ queueTimeout: toTime(0) })).toEqual([]);
    expect(wrongWith({ queueTimeout: toTime(-1) })).toEqual([]);
    expect(wrongWith({ queueTimeout: toTime(3_650_000 * 86_400_000) })).toEqual([]);
    expect(wrongWith({ queueTimeout: toTime(Number.MAX_SAFE_INTEGER) })).toEqual(['job.queue_timeout']);
  });

  it('has bounds for 64-bit numbers', () => {
    const wrong = (maxBytes: number): readonly string[] =>
      queues.CreateQueue.requestViolations({ settings: { maxBytes } }).map(({ field }) => field);
    expect(wrong(Number.MAX_SAFE_INTEGER)).toEqual([]);
    expect(wrong(2 ** 60)).toEqual(['settings.max_bytes']);
  });

  it('is told of 50 values at most', () => {
    const codes = Array.from({ length: 5_000 }, () => 1 as unknown as string);
    expect(wrongWith({ retry: { nonRetryableCodes: { codes } } })).toHaveLength(50);
  });

  it('is nothing that arrives as it was', () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(2 ** 31, 2 ** 32, -1, Number.NaN, 1.5, 2 ** 53));
    const spec = fc.record({ handler: fc.string({ unit: 'binary' }), priority: number, runAtMs: number });
    fc.assert(
      fc.property(spec, ({ handler, priority, runAtMs }) => {
        const request = { job: { handler, priority, runTime: toTime(runAtMs) } };
        const violations = SubmitJob.requestViolations(request);
        if (violations.length > 0) return;
        const { job } = SubmitJob.requestDeserialize(SubmitJob.requestSerialize(request));
        expect([job?.handler, job?.priority]).toEqual([handler, priority === 0 ? 0 : priority]);
        expect(Math.abs((timestampMs(job?.runTime) ?? Number.NaN) - runAtMs)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('times', () => {
  it('carry a fraction just below a second', () => {
    expect(toTime(1_999.999_999_9)).toEqual({ seconds: 2, nanos: 0 });
  });
});
