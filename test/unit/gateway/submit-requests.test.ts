/** What a submit states that no job can have: refused with the name of the field, and in a batch for this job alone. */
import { describe, expect, it } from 'vitest';
import { payloadGoneCodes } from '../../../src/contract/codes.ts';
import { type Init, loadContract } from '../../../src/contract/codec.ts';
import type * as wire from '../../../src/contract/messages.ts';
import { toTime } from '../../../src/contract/time.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { fromBatchedRequest, fromRetryRequest } from '../../../src/gateway/job-mapper.ts';

const { SubmitJobs, RetryJob } = loadContract().jobs;

/** As they arrive. */
function batched(...jobs: readonly Init<wire.JobSpec>[]): readonly unknown[] {
  const requests = jobs.map((job) => ({ job: { handler: 'test.echo', ...job } }));
  const arrived = SubmitJobs.requestDeserialize(SubmitJobs.requestSerialize({ requests }));
  return arrived.requests.map((request) => {
    const mapped = fromBatchedRequest(request);
    return mapped instanceof TroupeError ? mapped.violations.map(({ field }) => field) : mapped.handler;
  });
}

describe('a submit', () => {
  it('is refused alone in its batch, with the name of its field', () => {
    expect(
      batched(
        {},
        { heartbeatTimeout: toTime(0) },
        { noHeartbeatTimeout: false },
        { unique: { key: 'k', onConflict: 99 } },
        { input: { gone: payloadGoneCodes.erased } },
        { input: { json: '1' } },
      ),
    ).toEqual([
      'test.echo',
      ['job.heartbeat_timeout'],
      ['job.no_heartbeat_timeout'],
      ['job.unique.on_conflict'],
      ['job.input.gone'],
      'test.echo',
    ]);
  });

  it('of a job again does not take an input that is gone for none', () => {
    const request = { jobId: 'j', input: { gone: payloadGoneCodes.expired } };
    const arrived = RetryJob.requestDeserialize(RetryJob.requestSerialize(request));
    expect(() => fromRetryRequest(arrived)).toThrow(TroupeError);
  });
});
