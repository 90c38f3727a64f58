/** What is asked of the submit when an ended job is submitted again. */
import { callerWith, mayEverything } from '../../../support/callers.ts';
import { describe, expect, it } from 'vitest';
import { answeredMaxBytes } from '../../../../src/application/jobs/get-job.ts';
import type { InputPiece, StreamedRequest } from '../../../../src/application/jobs/streamed-input.ts';
import type { PayloadStore, StoredPayload } from '../../../../src/application/ports/payload-store.ts';
import { fingerprint } from '../../../../src/application/jobs/job-fingerprint.ts';
import type { JobRequest } from '../../../../src/application/jobs/job-request.ts';
import { createRetryJob } from '../../../../src/application/jobs/retry-job.ts';
import type { SubmitJobs } from '../../../../src/application/jobs/submit-jobs.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import { decide } from '../../../../src/domain/transitions.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const dayMs = 24 * 3_600_000;
const context = { tenant: 'default', principal: mayEverything, requestId: 'r' };

async function requestedAgain(spec: Partial<JobSpec>): Promise<JobRequest> {
  const clock = createManualClock();
  const ended = decide(testRecord(spec, { nowMs: clock.nowMs() }), { kind: 'cancel', reason: '' }, clock.nowMs(), 0.5);
  if (ended.kind !== 'changed') throw new Error('not cancelled');
  const { record } = ended;
  const requests: JobRequest[] = [];
  const retry = createRetryJob({
    clock,
    reader: { read: async () => ({ record }) },
    payloads: {
      writePayload: async ({ name }) => ({ id: name, bytes: 0, sha256: new Uint8Array() }),
      putPayload: async ({ name }) => name,
      getPayload: async () => undefined,
      openPayload: async () => undefined,
      deletePayload: async () => undefined,
    },
    submit: {
      one: async (_context: unknown, request: JobRequest) => {
        requests.push(request);
        return { jobId: record.id, state: 'QUEUED', duplicate: false };
      },
    } as unknown as SubmitJobs,
  });
  await retry.one(context, { jobId: record.id, idempotencyKey: 'k' });
  const [request] = requests;
  if (request === undefined) throw new Error('nothing was submitted');
  return request;
}

it('the former input is announced before it is loaded, and is not loaded if there is no room', async () => {
  const clock = createManualClock();
  const input: JobSpec['input'] = { kind: 'ref', id: 'some', bytes: 5_000, encoding: 'json' };
  const record = { ...testRecord({ input }, { nowMs: clock.nowMs() }), state: 'FAILED' } as const;
  const steps: unknown[] = [];
  const retry = createRetryJob({
    clock,
    reader: { read: async () => ({ record }) },
    payloads: {
      getPayload: async () => {
        steps.push('loaded');
        return new TextEncoder().encode('{}');
      },
    } as unknown as PayloadStore,
    submit: {
      one: async () => ({ jobId: record.id, state: 'QUEUED', duplicate: false }),
    } as unknown as SubmitJobs,
  });
  const request = { jobId: record.id, idempotencyKey: 'k' };
  await retry.one(context, { ...request, loads: (bytes) => void steps.push(bytes) });
  expect(steps).toEqual([5_000, 'loaded']);
  const full = (): void => {
    throw new TroupeError('OVERLOADED');
  };
  await expect(retry.one(context, { ...request, loads: full })).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect(steps).toHaveLength(2);
});

describe('a job with a large input of bytes', () => {
  const bytes = answeredMaxBytes + 3;
  const sha256 = new Uint8Array(32).fill(7);
  const input: JobSpec['input'] = { kind: 'ref', id: 'large', bytes, encoding: 'bytes' };

  async function retried(stored: StoredPayload | undefined): Promise<readonly unknown[]> {
    const clock = createManualClock();
    const record = { ...testRecord({ input }, { nowMs: clock.nowMs() }), state: 'FAILED' } as const;
    const seen: unknown[] = [];
    const retry = createRetryJob({
      clock,
      reader: { read: async () => ({ record }) },
      payloads: {
        writePayload: async ({ name }) => ({ id: name, bytes: 0, sha256: new Uint8Array() }),
        putPayload: async ({ name }) => name,
        getPayload: () => Promise.reject(new Error('it was loaded')),
        openPayload: async () => stored,
        deletePayload: async () => undefined,
      },
      submit: {
        streamed: async (_context: unknown, open: StreamedRequest, pieces: AsyncIterable<InputPiece>) => {
          seen.push(open.inputBytes, open.request.input, open.request.retryOf);
          for await (const piece of pieces) seen.push(piece);
          return { jobId: record.id, state: 'QUEUED', duplicate: false };
        },
      } as unknown as SubmitJobs,
    });
    await retry.one(context, { jobId: record.id, idempotencyKey: 'k' });
    return seen;
  }

  it('is submitted again piece by piece, with the checksum of the original, and never loaded', async () => {
    const piece = new Uint8Array(5);
    const seen = await retried({
      bytes,
      sha256,
      async *readFrom() {
        yield piece;
      },
    });
    expect(seen).toEqual([
      bytes,
      undefined,
      testRecord().id,
      { kind: 'chunk', bytes: piece },
      { kind: 'sha256', sha256 },
    ]);
  });

  it('needs another one when it is gone', async () => {
    await expect(retried(undefined)).rejects.toMatchObject({ code: 'PAYLOAD_GONE', metadata: { why: 'missing' } });
  });
});

describe('an input that no longer fits its handler', () => {
  const canary = 'a-word-of-the-input';

  async function refusalFor(principal: Principal): Promise<TroupeError> {
    const clock = createManualClock();
    const record = { ...testRecord({}, { nowMs: clock.nowMs() }), state: 'FAILED' } as const;
    const refused = new TroupeError('INVALID_JOB_SPEC', {
      violations: [
        { field: `job.input.json/${canary}`, description: 'is not allowed' },
        { field: 'job.queue', description: 'is wrong' },
      ],
    });
    const retry = createRetryJob({
      clock,
      reader: { read: async () => ({ record }) },
      payloads: {} as PayloadStore,
      submit: { one: () => Promise.reject(refused) } as unknown as SubmitJobs,
    });
    const error: unknown = await retry
      .one({ ...context, principal }, { jobId: record.id, idempotencyKey: '' })
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof TroupeError)) throw new Error('it was submitted');
    return error;
  }

  it('is described to a caller that may see it', async () => {
    expect((await refusalFor(mayEverything)).violations[0]?.field).toContain(canary);
  });

  it('is not described to one that may not', async () => {
    const error = await refusalFor(callerWith(['jobs.read', 'jobs.manage']));
    expect(error.code).toBe('INVALID_JOB_SPEC');
    expect(error.violations.map(({ field }) => field)).toEqual(['job.queue', 'job.input']);
    expect(JSON.stringify(error.toWire())).not.toContain(canary);
  });
});

it('asks for what the job was, without the time it was due', async () => {
  const spec = {
    retentionMs: 7 * dayMs,
    totalTimeoutMs: dayMs,
    runAtMs: 1_700_000_000_000 + dayMs,
    priority: 3,
  } as const;
  const request = await requestedAgain(spec);
  expect(request).toMatchObject({ retentionMs: 7 * dayMs, totalTimeoutMs: dayMs, priority: 3, idempotencyKey: 'k' });
  expect(request.runAtMs).toBeUndefined();
});

it('asks for no longer times than may be asked for: a start far ahead had made the retention longer', async () => {
  const unique = { key: 'one', onConflict: 'reject', windowMs: 380 * dayMs } as const;
  const spec = { retentionMs: 390 * dayMs, payloadRetentionMs: 370 * dayMs, totalTimeoutMs: 380 * dayMs, unique };
  const most = 365 * dayMs;
  expect(await requestedAgain(spec)).toMatchObject({
    retentionMs: most,
    payloadRetentionMs: most,
    totalTimeoutMs: most,
    unique: { key: 'one', onConflict: 'reject', windowMs: most },
  });
});

it('keeps its payloads as long as the original did; with a key it is the same call as that of an older version', async () => {
  const request = await requestedAgain({ retentionMs: 7 * dayMs });
  expect(request.payloadRetentionMs).toBe(7 * dayMs);
  const older = { ...request, payloadRetentionMs: undefined };
  expect(fingerprint('default', request)).toEqual(fingerprint('default', older));
  const shorter = await requestedAgain({ retentionMs: 7 * dayMs, payloadRetentionMs: dayMs });
  expect(shorter.payloadRetentionMs).toBe(dayMs);
  expect(fingerprint('default', shorter)).not.toEqual(fingerprint('default', older));
});
