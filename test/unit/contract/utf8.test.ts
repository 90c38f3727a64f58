// Text on the wire is UTF-8, whatever a string of JavaScript holds.
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { loadContract } from '../../../src/contract/codec.ts';
import type { Job } from '../../../src/contract/messages.ts';
import { loadContractRoot } from '../../../src/contract/root.ts';
import { UndecodableRequest } from '../../../src/contract/utf8.ts';

const contract = loadContract();
const jobType = loadContractRoot().lookupType('troupe.v1.Job');
const job = contract.message<Job>('troupe.v1.Job');

/** As the runtimes of Go, Python and Java read: text that is not UTF-8 is an error. */
function readStrictly(bytes: Buffer): Job {
  return jobType.decode(new protobuf.BufferReader(bytes)) as unknown as Job;
}

const anyText = fc.string({ unit: 'binary', maxLength: 2_000 });

describe('what is sent', () => {
  it('is read by strict readers, repaired, at every length', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('\ud83c', '\udf89', ''), fc.nat(300), (text, half, padding) => {
        const said = text + half + 'x'.repeat(padding);
        const bytes = job.encode({
          cancelReason: said,
          failure: { message: said, code: said },
          spec: { labels: { [said]: said } },
          attempts: [{ message: said }],
        });
        const read = readStrictly(bytes);
        const repaired = said.toWellFormed();
        expect(read.cancelReason).toBe(repaired);
        expect(read.failure).toMatchObject({ message: repaired, code: repaired });
        expect(Object.entries(read.spec?.labels ?? {})).toEqual([[repaired, repaired]]);
        expect(read.attempts[0]?.message).toBe(repaired);
      }),
    );
  });
});

/** As protobufjs by itself writes half a pair: three bytes that are no UTF-8. */
function unrepaired(type: string, message: object): Buffer {
  return Buffer.from(loadContractRoot().lookupType(type).encode(message).finish());
}

describe('an answer', () => {
  it('of a gateway that does not repair is read as far as it can be', () => {
    const bytes = unrepaired('troupe.v1.GetJobResponse', { job: { id: 'x', failure: { message: 'bad \ud83c' } } });
    const { job: read } = contract.jobs.GetJob.responseDeserialize(bytes);
    expect(read).toMatchObject({ id: 'x', failure: { message: expect.stringMatching(/^bad \ufffd+$/) as string } });
  });
});

describe('a request', () => {
  const refused = (message: object, method: 'SubmitJob' | 'SubmitJobs' = 'SubmitJob'): UndecodableRequest => {
    const bytes = unrepaired(`troupe.v1.${method}Request`, message);
    try {
      contract.jobs[method].requestDeserialize(bytes);
    } catch (error) {
      if (error instanceof UndecodableRequest) return error;
      throw error;
    }
    throw new Error('was read');
  };

  it.each([
    ['idempotency_key', { idempotencyKey: 'k\ud83c' }],
    ['job.unique.key', { job: { unique: { key: '\ud83c' } } }],
    ['job.labels[title]', { job: { labels: { ok: 'fine', title: 'Holiday \ud83c' } } }],
    ['job.retry.non_retryable_codes.codes[1]', { job: { retry: { nonRetryableCodes: { codes: ['A', '\udf89'] } } } }],
  ])('names %s', (field, message) => {
    expect(refused(message).violations).toEqual([{ field, description: 'is not UTF-8' }]);
  });

  it('names the job of a batch, and a label by its place', () => {
    const requests = [{ job: { handler: 'a' } }, { job: { labels: { '\ud83c': 'x' }, concurrencyKey: '\ud83c' } }];
    expect(refused({ requests }, 'SubmitJobs').violations).toEqual(
      expect.arrayContaining([
        { field: 'requests[1].job.labels', description: 'has a name that is not UTF-8' },
        { field: 'requests[1].job.concurrency_key', description: 'is not UTF-8' },
      ]),
    );
  });

  it('of bytes that are no message has no field to name', () => {
    const junk = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    expect(() => contract.jobs.SubmitJob.requestDeserialize(junk)).toThrow(UndecodableRequest);
  });
});
