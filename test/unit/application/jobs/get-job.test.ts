// What a reader is given of payloads: what lies inline, what lies in the store, and why there is nothing any more.
import { mayEverything } from '../../../support/callers.ts';
import { describe, expect, it } from 'vitest';
import { answeredMaxBytes, createGetJob } from '../../../../src/application/jobs/get-job.ts';
import type { PayloadStore } from '../../../../src/application/ports/payload-store.ts';
import { damagedPayload } from '../../../../src/application/storage/damaged-payload.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { eraseJob } from '../../../../src/domain/payload-life.ts';
import type { JobRecord, JobSpec } from '../../../../src/domain/job.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const keptMs = 60_000;
const stored: JobSpec['input'] = { kind: 'ref', id: 'p', bytes: 3, encoding: 'json' };

const noPayloads: PayloadStore = {
  writePayload: async ({ name }) => ({ id: name, bytes: 0, sha256: new Uint8Array() }),
  putPayload: async ({ name }) => name,
  getPayload: async () => undefined,
  openPayload: async () => undefined,
  deletePayload: async () => undefined,
};

async function opened(record: JobRecord, nowMs: number, payloads: ReadonlyMap<string, Uint8Array>): Promise<unknown[]> {
  const clock = { ...createManualClock(), nowMs: () => nowMs };
  const getJob = createGetJob({
    reader: { read: async () => ({ record }) },
    explain: async () => undefined,
    payloads: { ...noPayloads, getPayload: async (id) => payloads.get(id) },
    clock,
  });
  const { input, output } = await getJob(
    { tenant: 'default', principal: mayEverything, requestId: 'r', reserve: () => undefined },
    record.id,
  );
  return [input, output];
}

const ended = (spec: Partial<JobSpec>, output: JobSpec['input']): JobRecord => ({
  ...testRecord(spec),
  state: 'SUCCEEDED',
  output,
});

describe('a payload that is too large for an answer', () => {
  const bytes = answeredMaxBytes + 1;
  const large: JobSpec['input'] = { kind: 'ref', id: 'large', bytes, encoding: 'bytes' };
  const record = ended({ input: large, payloadRetentionMs: keptMs }, large);

  async function read(nowMs: number, isStored: boolean): Promise<unknown[]> {
    const getJob = createGetJob({
      reader: { read: async () => ({ record }) },
      explain: async () => undefined,
      payloads: {
        ...noPayloads,
        getPayload: () => Promise.reject(new Error('it was loaded')),
        openPayload: async () =>
          isStored ? { bytes, sha256: new Uint8Array(32), readFrom: () => expect.fail('it was read') } : undefined,
      },
      clock: { ...createManualClock(), nowMs: () => nowMs },
    });
    const { input, output } = await getJob(
      { tenant: 'default', principal: mayEverything, requestId: 'r', reserve: () => undefined },
      record.id,
    );
    return [input, output];
  }

  it('is told by its size, and never loaded', async () => {
    const { createdAtMs } = record;
    expect(await read(createdAtMs, true)).toEqual([
      { kind: 'large', bytes },
      { kind: 'large', bytes },
    ]);
    const gone = (why: string) => ({ kind: 'gone', why });
    expect(await read(createdAtMs, false)).toEqual([gone('missing'), gone('missing')]);
    expect(await read(createdAtMs + keptMs, true)).toEqual([gone('expired'), gone('expired')]);
  });
});

describe('a payload that is damaged', () => {
  it.each([3, answeredMaxBytes + 1])('of %i bytes is missing, and its job is shown all the same', async (bytes) => {
    const input: JobSpec['input'] = { kind: 'ref', id: 'p', bytes, encoding: 'bytes' };
    const record = ended({ input }, input);
    const damaged = () => Promise.reject(damagedPayload('p'));
    const read = (failing: Partial<PayloadStore>) =>
      createGetJob({
        reader: { read: async () => ({ record }) },
        explain: async () => undefined,
        payloads: { ...noPayloads, ...failing },
        clock: { ...createManualClock(), nowMs: () => record.createdAtMs },
      })({ tenant: 'default', principal: mayEverything, requestId: 'r', reserve: () => undefined }, record.id);
    const gone = { kind: 'gone', why: 'missing' };
    expect(await read({ getPayload: damaged, openPayload: damaged })).toMatchObject({
      record,
      input: gone,
      output: gone,
    });
    const away = () => Promise.reject(new TroupeError('STORE_UNAVAILABLE'));
    await expect(read({ getPayload: away, openPayload: away })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('payloads that are read', () => {
  const inline: JobSpec['input'] = { kind: 'json', json: '1' };
  const record = ended({ input: inline, payloadRetentionMs: keptMs }, stored);
  const atMs = record.createdAtMs;
  const there = new Map([['p', Buffer.from('"a"')]]);
  const gone = (why: string) => ({ kind: 'gone', why });

  it('are there until their retention is over, to the millisecond, wherever they lie', async () => {
    expect(await opened(record, atMs + keptMs - 1, there)).toEqual([inline, { kind: 'json', json: '"a"' }]);
    expect(await opened(record, atMs + keptMs, there)).toEqual([gone('expired'), gone('expired')]);
  });

  it('are there as long as the job without a retention of their own', async () => {
    const { payloadRetentionMs: _, ...spec } = record.spec;
    expect(await opened({ ...record, spec }, atMs + record.spec.retentionMs, there)).toEqual([
      inline,
      { kind: 'json', json: '"a"' },
    ]);
  });

  it('that should be there are missing, and erased ones erased, also later', async () => {
    expect(await opened(record, atMs, new Map())).toEqual([inline, gone('missing')]);
    expect(await opened(eraseJob(record, atMs), atMs + keptMs, there)).toEqual([gone('erased'), gone('erased')]);
    const { output: _, ...failed } = record;
    expect(await opened(eraseJob(failed, atMs), atMs, there)).toEqual([gone('erased'), undefined]);
  });
});
