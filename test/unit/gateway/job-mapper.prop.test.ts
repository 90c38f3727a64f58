/** A job option arrives as the client stated it: over the wire in a submit, and over the wire again in what GetJob shows. */
import { mayEverything } from '../../support/callers.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyJobRequest, type JobRequest, noRetryOptions } from '../../../src/application/jobs/job-request.ts';
import { resolveJob } from '../../../src/application/jobs/job-resolution.ts';
import { fromJob } from '../../../src/client/job-mapper.ts';
import { toSubmitRequest } from '../../../src/client/job-requests.ts';
import type { JobDraft, JobInfo } from '../../../src/client/job-types.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import type { Job } from '../../../src/contract/messages.ts';
import { complete, given } from '../../../src/domain/given.ts';
import { uniqueConflicts } from '../../../src/domain/job.ts';
import { defaultQueueSettings } from '../../../src/domain/queue.ts';
import { fromSubmitRequest, toJob } from '../../../src/gateway/job-mapper.ts';
import { testRecord } from '../../support/jobs.ts';

const contract = loadContract();
const nowMs = 1_700_000_000_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const between = (min: number, max: number): fc.Arbitrary<number | undefined> => maybe(fc.integer({ min, max }));
const word = fc.stringMatching(/^[a-z]{1,8}$/);

/** Every combination is valid: each time lies within the shortest retention. */
const options: fc.Arbitrary<JobDraft> = fc
  .record({
    handlerVersion: maybe(fc.constantFrom('>=1.4', '1.4.0')),
    runAt: maybe(fc.integer({ min: nowMs, max: nowMs + hourMs }).map((ms) => new Date(ms))),
    queueTimeoutMs: between(1, hourMs),
    executionTimeoutMs: between(minuteMs, hourMs),
    heartbeatTimeoutMs: maybe(fc.oneof(fc.constant(null), fc.integer({ min: 1_000, max: minuteMs }))),
    totalTimeoutMs: between(1, hourMs),
    retentionMs: between(3 * hourMs, 9 * hourMs),
    payloadRetentionMs: between(2 * hourMs, 3 * hourMs),
    priority: between(0, 4),
    refuseLate: maybe(fc.boolean()),
    concurrencyKey: maybe(word),
    fairnessKey: maybe(word),
    labels: maybe(fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 })),
    unique: maybe(
      fc.record({ key: word, windowMs: between(1_000, hourMs), onConflict: fc.constantFrom(...uniqueConflicts) }),
    ),
    retry: maybe(
      fc
        .record({
          maxAttempts: between(1, 100),
          initialDelayMs: between(1, 1_000),
          coefficient: maybe(fc.integer({ min: 1, max: 10 })),
          maxDelayMs: between(60_000, 90_000),
          nonRetryableCodes: maybe(fc.subarray(['A', 'B'], { minLength: 1 })),
          maxLosses: between(0, 24),
        })
        .map(given),
    ),
  })
  .map(({ unique, ...rest }) =>
    complete<JobDraft>({
      ...rest,
      handler: 'test.echo',
      queue: 'default',
      input: { rows: [1] },
      uniqueKey: unique?.key,
      uniqueWindowMs: unique?.windowMs,
      onConflict: unique?.onConflict,
      idempotencyKey: undefined,
      idempotent: undefined,
    }),
  );

function requestOf(draft: JobDraft, idempotencyKey?: string): JobRequest {
  const { requestSerialize, requestDeserialize } = contract.jobs.SubmitJob;
  return fromSubmitRequest(requestDeserialize(requestSerialize(toSubmitRequest(contract, draft, idempotencyKey))));
}

function infoOf(request: JobRequest): JobInfo {
  const { spec } = resolveJob(request, {
    tenant: 'default',
    queueName: 'default',
    queue: {
      tenant: 'default',
      name: 'default',
      queueNo: 1,
      version: 1,
      createdAtMs: 0,
      updatedAtMs: 0,
      settings: defaultQueueSettings,
    },
    choice: { manifests: [{ name: 'test.echo', version: '1.4.0', inputKind: 'any' }] },
    nowMs,
    payloadMaxBytes: 1_000,
    validator: { validate: () => [] },
    known: { handlers: () => [], queues: () => [] },
  });
  const input = { kind: 'json', json: '{"rows":[1]}' } as const;
  const { encode, decode } = contract.message<Job>('troupe.v1.Job');
  return fromJob(
    decode(encode(toJob({ record: testRecord({ ...spec, input }, { nowMs }), input }, mayEverything))),
    JSON.parse,
  );
}

describe('a job option', () => {
  it('reaches the use case as the client stated it', () => {
    fc.assert(
      fc.property(options, maybe(word), (draft, key) => {
        const { retry, uniqueKey, onConflict = 'reject', uniqueWindowMs: windowMs } = draft;
        const expected: JobRequest = {
          handler: 'test.echo',
          handlerVersion: draft.handlerVersion,
          queue: 'default',
          input: { kind: 'json', json: '{"rows":[1]}' },
          runAtMs: draft.runAt?.getTime(),
          queueTimeoutMs: draft.queueTimeoutMs,
          executionTimeoutMs: draft.executionTimeoutMs,
          heartbeatTimeoutMs: draft.heartbeatTimeoutMs === null ? 0 : draft.heartbeatTimeoutMs,
          totalTimeoutMs: draft.totalTimeoutMs,
          retry: retry && {
            maxAttempts: retry.maxAttempts,
            initialMs: retry.initialDelayMs,
            coefficient: retry.coefficient,
            maxMs: retry.maxDelayMs,
            nonRetryableCodes: retry.nonRetryableCodes,
            maxLosses: retry.maxLosses,
          },
          retentionMs: draft.retentionMs,
          payloadRetentionMs: draft.payloadRetentionMs,
          priority: draft.priority,
          concurrencyKey: draft.concurrencyKey,
          fairnessKey: draft.fairnessKey,
          labels: draft.labels ?? {},
          unique: uniqueKey === undefined ? undefined : { key: uniqueKey, onConflict, ...given({ windowMs }) },
          refuseLate: draft.refuseLate ?? false,
          retryOf: undefined,
          idempotencyKey: key ?? '',
          inputFingerprint: undefined,
        };
        expect(requestOf(draft, key)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('is shown as it was stated', () => {
    fc.assert(
      fc.property(options, (draft) => {
        const info = infoOf(requestOf(draft));
        // GetJob does not show what only steers the submit.
        const { heartbeatTimeoutMs, refuseLate: _refuseLate, onConflict: _onConflict, ...stated } = draft;
        expect(info).toMatchObject(stated);
        expect(info.handlerVersion).toBe(draft.handlerVersion);
        expect(info.heartbeatTimeoutMs).toBe(heartbeatTimeoutMs ?? undefined);
      }),
      { numRuns: 500 },
    );
  });
});

it('a request with no option has the defaults, and an absent job is refused as one without a handler', () => {
  expect(requestOf({ handler: 'test.echo' })).toEqual({
    ...emptyJobRequest,
    handler: 'test.echo',
    labels: {},
    refuseLate: false,
  });
  expect(requestOf({ handler: 'test.echo', retry: {} }).retry).toEqual(noRetryOptions);
  expect(fromSubmitRequest({ job: null, idempotencyKey: 'k', inputFingerprint: new Uint8Array() })).toEqual({
    ...emptyJobRequest,
    idempotencyKey: 'k',
  });
});
