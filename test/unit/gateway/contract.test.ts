/** What is written by hand or generated about the contract is what the .proto files say. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { loadContract } from '../../../src/contract/codec.ts';
import { loadContractRoot } from '../../../src/contract/root.ts';
import { durationMs, timestampMs, toTime } from '../../../src/contract/time.ts';
import type { Duration, SubmitJobsRequest } from '../../../src/contract/messages.ts';
import { contractTypes } from '../../../scripts/contract-types.ts';

const root = loadContractRoot();

describe('the contract', () => {
  it('has its types in step', () => {
    for (const [file, text] of Object.entries(contractTypes())) {
      const path = new URL(`../../../src/contract/${file}`, import.meta.url);
      expect(readFileSync(path, 'utf8'), 'run `npm run proto:types`').toBe(text);
    }
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
        'GetJobs',
        'ListJobs',
        'ListFailureKinds',
        'CancelJob',
        'DownloadPayload',
        'GetPayloadLink',
        'BeginUpload',
        'SubmitUploadedJob',
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
