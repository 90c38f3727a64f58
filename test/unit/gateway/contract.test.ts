/** What is written by hand or generated about the contract is what the .proto files say. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { actorStateCodes, nodeStateCodes, shardStateCodes } from '../../../src/contract/cluster-codes.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import {
  failureReasonCodes,
  goneReasonCodes,
  jobEventTypeCodes,
  jobStateCodes,
  payloadChoiceCodes,
  uniqueConflictCodes,
} from '../../../src/contract/job-codes.ts';
import { loadContractRoot } from '../../../src/contract/root.ts';
import { durationMs, timestampMs, toTime } from '../../../src/contract/time.ts';
import type { Duration, SubmitJobsRequest } from '../../../src/contract/messages.ts';
import { contractTypes } from '../../../scripts/contract-types.ts';

const root = loadContractRoot();

/** Without `X_UNSPECIFIED`, and without the prefix that enums of proto files carry. */
function words(enumName: string, prefix: string): Record<string, number> {
  const { values } = root.lookupEnum(`troupe.v1.${enumName}`);
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, code]) => code !== 0)
      .map(([name, code]) => [name.slice(prefix.length), code]),
  );
}

describe('the contract', () => {
  it('has its types in step', () => {
    for (const [file, text] of Object.entries(contractTypes())) {
      const path = new URL(`../../../src/contract/${file}`, import.meta.url);
      expect(readFileSync(path, 'utf8'), 'run `npm run proto:types`').toBe(text);
    }
  });

  it('has the words of the domain, with the same numbers', () => {
    expect(words('JobState', 'JOB_STATE_')).toEqual(jobStateCodes);
    const conflicts = Object.entries(uniqueConflictCodes).map(([way, code]) => [
      way.toUpperCase().replaceAll('-', '_'),
      code,
    ]);
    expect(words('UniqueConflict', 'UNIQUE_CONFLICT_')).toEqual(Object.fromEntries(conflicts));
    const gone = Object.entries(goneReasonCodes).map(([why, code]) => [why.toUpperCase(), code]);
    expect(words('PayloadGone', 'PAYLOAD_GONE_')).toEqual(Object.fromEntries(gone));
    expect(words('PayloadChoice', 'PAYLOAD_CHOICE_')).toEqual({
      OUTPUT: payloadChoiceCodes.output,
      INPUT: payloadChoiceCodes.input,
    });
    expect(words('FailureReason', 'FAILURE_REASON_')).toEqual(failureReasonCodes);
    const upper = Object.entries(jobEventTypeCodes).map(([type, code]) => [type.toUpperCase(), code]);
    const spoken = (codes: Readonly<Record<string, number>>): Record<string, number> =>
      Object.fromEntries(Object.entries(codes).map(([word, code]) => [word.toUpperCase(), code]));
    expect(words('NodeState', 'NODE_STATE_')).toEqual(spoken(nodeStateCodes));
    expect(words('ShardState', 'SHARD_STATE_')).toEqual(spoken(shardStateCodes));
    expect(words('ActorState', 'ACTOR_STATE_')).toEqual(spoken(actorStateCodes));
    expect(words('JobEventType', 'JOB_EVENT_TYPE_')).toEqual(Object.fromEntries(upper));
  });

  it('names methods as the codec does', () => {
    const { jobs, queues, cluster } = loadContract();
    expect(Object.values(jobs).map((method) => method.path)).toEqual(
      [
        'SubmitJob',
        'SubmitJobs',
        'SubmitJobStream',
        'RetryJob',
        'RedriveJobs',
        'CancelJobs',
        'GetJob',
        'ListJobs',
        'CancelJob',
        'DownloadPayload',
        'EraseJobPayloads',
        'RescheduleJob',
        'GetJobLog',
        'WatchJob',
        'WatchJobs',
      ].map((name) => `/troupe.v1.Jobs/${name}`),
    );
    expect(Object.values(jobs).filter((method) => method.responseStream)).toEqual([
      ...[jobs.RedriveJobs, jobs.CancelJobs, jobs.DownloadPayload, jobs.WatchJob, jobs.WatchJobs],
    ]);
    const streams = Object.values(cluster).filter((method) => method.responseStream);
    expect(streams).toEqual([cluster.WatchTree, cluster.ProfileRun]);
    expect(Object.keys(queues)).toEqual([
      'CreateQueue',
      'GetQueue',
      'ListQueues',
      'UpdateQueue',
      'DeleteQueue',
      'GetQueueStats',
    ]);
  });

  it('encodes what other implementations decode, and the other way round', () => {
    // A second copy of the schema, read the ordinary way: objects in, objects out.
    const other = new protobuf.Root();
    other.resolvePath = root.resolvePath;
    other.loadSync('troupe/v1/jobs.proto');
    const type = other.lookupType('troupe.v1.SubmitJobsRequest');
    const { SubmitJobs } = loadContract().jobs;
    const job = fc.record({
      handler: fc.string(),
      queue: fc.string(),
      input: fc.oneof(
        fc.record({ json: fc.string() }),
        fc.record({ data: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
      ),
      totalTimeout: fc.record({ seconds: fc.integer({ min: 1, max: 2 ** 31 }), nanos: fc.nat(999_999_999) }),
    });
    const request = fc.record({ job, idempotencyKey: fc.string() });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 4 }), (requests) => {
        const bytes = SubmitJobs.requestSerialize({ requests });
        const plain = type.toObject(type.decode(bytes), { longs: Number, defaults: false });
        const back: SubmitJobsRequest = SubmitJobs.requestDeserialize(
          Buffer.from(type.encode(type.fromObject(plain)).finish()),
        );
        expect(back.requests).toHaveLength(requests.length);
        back.requests.forEach((got, index) => {
          const sent = requests[index];
          expect([got.job?.handler, got.job?.queue, got.idempotencyKey]).toEqual([
            sent?.job.handler,
            sent?.job.queue,
            sent?.idempotencyKey,
          ]);
          expect(got.job?.input?.kind).toBe(sent && 'json' in sent.job.input ? 'json' : 'data');
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('times of the contract', () => {
  it('come back as they went, in whole milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e13 }), (ms) => {
        expect(timestampMs(toTime(ms))).toBe(ms);
        expect(durationMs(toTime(ms))).toBe(ms);
        expect(toTime(ms).nanos).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('round durations up, so that none becomes nothing', () => {
    const tiny: Duration = { seconds: 0, nanos: 1 };
    expect(durationMs(tiny)).toBe(1);
  });
});
