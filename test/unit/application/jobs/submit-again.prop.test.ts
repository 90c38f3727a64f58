/** What was accepted once is accepted again: by RetryJob and RedriveJobs, and from what GetJob shows of it. */
import { mayEverything } from '../../../support/callers.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { emptyJobRequest, type JobRequest } from '../../../../src/application/jobs/job-request.ts';
import { resolveJob } from '../../../../src/application/jobs/job-resolution.ts';
import { requestAgain } from '../../../../src/application/jobs/retry-job.ts';
import { loadContract } from '../../../../src/contract/codec.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { given } from '../../../../src/domain/given.ts';
import type { HandlerManifest } from '../../../../src/domain/handler-manifest.ts';
import type { JobRecord, RetryPolicy } from '../../../../src/domain/job.ts';
import { defaultQueueSettings, type Queue } from '../../../../src/domain/queue.ts';
import { fromSubmitRequest, toJob } from '../../../../src/gateway/job-mapper.ts';
import { payloadsKeptMs } from '../../../../src/domain/payload-life.ts';
import { testRecord } from '../../../support/jobs.ts';

const nowMs = 1_700_000_000_000;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const contract = loadContract();

/** Mostly what goes with other settings: bounds and the middle fit rarely. */
function around(min: number, max: number, usual = min): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(min, max) },
    { weight: 2, arbitrary: fc.integer({ min, max }) },
  );
}
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

/** Wider than today's: as handlers of before may have said. */
const retry = (most: { readonly coefficient: number; readonly maxMs: number }): fc.Arbitrary<Partial<RetryPolicy>> =>
  fc
    .record({
      maxAttempts: maybe(fc.integer({ min: 1, max: 100 })),
      initialMs: maybe(fc.integer({ min: 1, max: dayMs })),
      coefficient: maybe(fc.double({ min: 1, max: most.coefficient, noNaN: true })),
      maxMs: maybe(fc.integer({ min: 1, max: most.maxMs })),
      nonRetryableCodes: maybe(fc.subarray(['A', 'B'])),
      maxLosses: maybe(fc.integer({ min: 0, max: 24 })),
    })
    .map(given);

const manifest: fc.Arbitrary<HandlerManifest> = fc
  .record({
    executionTimeoutMs: maybe(fc.integer({ min: 10, max: 7 * dayMs })),
    heartbeatTimeoutMs: maybe(fc.oneof(fc.constant(0), fc.integer({ min: 1_000, max: 7 * dayMs }))),
    retry: maybe(retry({ coefficient: 100, maxMs: 7 * dayMs })),
  })
  .map((more) => ({ name: 'test.echo', version: '1.0.0', inputKind: 'any', ...given(more) }));

const queue: fc.Arbitrary<Queue> = fc
  .record({
    executionTimeoutMs: fc.integer({ min: 1, max: 7 * dayMs }),
    retentionMs: fc.integer({ min: minuteMs, max: 365 * dayMs }),
    payloadShare: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    retry: retry({ coefficient: 10, maxMs: dayMs }),
  })
  .map(({ payloadShare, ...settings }) => ({
    tenant: 'default',
    name: 'default',
    queueNo: 1,
    version: 1,
    createdAtMs: 0,
    updatedAtMs: 0,
    settings: {
      ...settings,
      retry: { ...defaultQueueSettings.retry, ...settings.retry },
      ...(payloadShare !== undefined && {
        payloadRetentionMs: Math.round(minuteMs + payloadShare * (settings.retentionMs - minuteMs)),
      }),
    },
  }));

const request: fc.Arbitrary<JobRequest> = fc
  .record({
    runAtMs: maybe(around(nowMs, nowMs + 365 * dayMs)),
    queueTimeoutMs: maybe(around(1, 365 * dayMs)),
    executionTimeoutMs: maybe(around(1, 7 * dayMs, 1_000)),
    heartbeatTimeoutMs: maybe(around(0, 7 * dayMs)),
    totalTimeoutMs: maybe(around(1, 365 * dayMs)),
    retentionMs: maybe(around(minuteMs, 365 * dayMs, 30 * dayMs)),
    payloadRetentionMs: maybe(around(minuteMs, 365 * dayMs)),
    retry: maybe(retry({ coefficient: 10, maxMs: dayMs })),
    priority: maybe(fc.integer({ min: 0, max: 4 })),
    labels: maybe(fc.constant({ team: 'red' })),
    unique: maybe(maybe(around(1_000, 365 * dayMs)).map((windowMs) => ({ key: 'u', onConflict: 'reject', windowMs }))),
  })
  .map((more) => ({ ...emptyJobRequest, handler: 'test.echo', ...given(more) }) as JobRequest);

interface Cluster {
  readonly queue: Queue;
  readonly manifest: HandlerManifest;
}

function accepted(asked: JobRequest, cluster: Cluster, atMs: number): JobRecord {
  const { spec } = resolveJob(asked, {
    tenant: 'default',
    queueName: 'default',
    queue: cluster.queue,
    choice: { manifests: [cluster.manifest] },
    nowMs: atMs,
    payloadMaxBytes: 1_000,
    validator: { validate: () => [] },
    known: { handlers: () => [], queues: () => [] },
  });
  return testRecord({ ...spec, input: { kind: 'json', json: 'null' } }, { nowMs: atMs });
}

/** Undefined: refused. */
function acceptedOnce(asked: JobRequest, cluster: Cluster): JobRecord | undefined {
  try {
    return accepted(asked, cluster, nowMs);
  } catch (error) {
    if (error instanceof TroupeError && error.code === 'INVALID_JOB_SPEC') return undefined;
    throw error;
  }
}

/** As a client sends it that puts what it was shown into a request. */
function cloneOf(record: JobRecord): JobRequest {
  const { SubmitJob } = contract.jobs;
  const shown = toJob({ record, input: { kind: 'json', json: 'null' } }, mayEverything);
  return fromSubmitRequest(SubmitJob.requestDeserialize(SubmitJob.requestSerialize({ job: shown.spec })));
}

const cluster = fc.record({ queue, manifest });
/** A copy takes its time: a start just 365 days ahead lies within them then. */
const later = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 500 * dayMs }));

it('an accepted job can be submitted again, whatever handler and queue say by then', () => {
  let count = 0;
  fc.assert(
    fc.property(request, cluster, cluster, later, (asked, one, other, laterMs) => {
      const record = acceptedOnce(asked, one);
      if (record === undefined) return;
      count += 1;
      const again = requestAgain(record, { kind: 'json', json: 'null' }, '');
      const { spec } = accepted(again, other, nowMs + laterMs);
      expect(spec.retry.maxLosses).toBe(record.spec.retry.maxLosses);
      expect(spec.retry.nonRetryableCodes).toEqual(record.spec.retry.nonRetryableCodes);
      expect(spec.heartbeatTimeoutMs).toBe(record.spec.heartbeatTimeoutMs);
      expect(payloadsKeptMs(spec)).toBe(Math.min(payloadsKeptMs(record.spec), spec.retentionMs));
      expect(accepted(cloneOf(record), other, nowMs + laterMs).spec.retry.maxLosses).toBe(record.spec.retry.maxLosses);
    }),
    { numRuns: 3_000 },
  );
  expect(count).toBeGreaterThan(500);
});
