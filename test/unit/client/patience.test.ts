/** A call does not wait for a codec longer than its caller waits for the call. */
import { describe, expect, it } from 'vitest';
import { createDraftRequests } from '../../../src/client/draft-requests.ts';
import { createJobCalls } from '../../../src/client/job-calls.ts';
import { jobReader } from '../../../src/client/job-codec.ts';
import { whileWaitedFor } from '../../../src/client/patience.ts';
import { createBackoff } from '../../../src/client/retry.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import type * as wire from '../../../src/contract/messages.ts';
import type { PayloadCodec } from '../../../src/domain/payload-codec.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const hanging: PayloadCodec = { encode: never, decode: never, fingerprint: never };
const contract = loadContract();
const draft = { handler: 'h', input: { a: 1 } };
const encoded = { kind: 'data', data: Uint8Array.of(0, 0x74, 0x63, 1, 7) };

describe('a codec that does not answer', () => {
  it('costs a submit its timeout, and nothing was sent', async () => {
    const { requestOf } = createDraftRequests({ contract, codec: hanging, timeoutMs: 1 }, false);
    await expect(requestOf(draft, undefined, {})).rejects.toMatchObject({
      code: 'CALL_DEADLINE_EXCEEDED',
      outcome: 'none',
      status: 'DEADLINE_EXCEEDED',
    });
    await expect(requestOf({ ...draft, idempotencyKey: 'k' }, 'k', { timeoutMs: 2 })).rejects.toMatchObject({
      message: 'the codec did not answer within 2 ms',
    });
  });

  it('is not waited for once the caller has gone', async () => {
    const gone = new AbortController();
    const { requestOf } = createDraftRequests({ contract, codec: hanging, timeoutMs: Infinity }, false);
    const asked = requestOf(draft, undefined, { signal: gone.signal });
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CALL_CANCELLED', outcome: 'none' });
    await expect(requestOf(draft, undefined, { signal: gone.signal })).rejects.toMatchObject({
      code: 'CALL_CANCELLED',
    });
  });

  it('costs one of many jobs its place only, and others go on meanwhile', async () => {
    let asked = 0;
    const codec: PayloadCodec = { ...hanging, encode: (bytes) => (++asked === 3 ? never() : bytes) };
    const { requestsOf } = createDraftRequests({ contract, codec, timeoutMs: 5 }, false);
    const refused: [number, unknown][] = [];
    const drafts = Array.from({ length: 40 }, () => draft);
    const open = await requestsOf(drafts, {}, (index, error) => refused.push([index, error]));
    expect(open.map(({ index }) => index)).toEqual(drafts.map((_, index) => index).filter((index) => index !== 2));
    expect(refused).toMatchObject([[2, { code: 'CALL_DEADLINE_EXCEEDED' }]]);
  });

  it('at all costs a call for many its timeout once, and is asked no more', async () => {
    let asked = 0;
    const encode = (): Promise<never> => {
      asked += 1;
      return never();
    };
    const { requestsOf } = createDraftRequests({ contract, codec: { ...hanging, encode }, timeoutMs: 5 }, false);
    const refused: unknown[] = [];
    const drafts = Array.from({ length: 1_000 }, () => draft);
    expect(await requestsOf(drafts, {}, (_, error) => refused.push(error))).toEqual([]);
    expect([refused.length, asked]).toEqual([1_000, 16]);
    expect(refused.at(-1)).toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', outcome: 'none' });
  });

  it('is asked no more by a call whose caller has gone', async () => {
    const gone = new AbortController();
    let asked = 0;
    const encode = (): Promise<never> => {
      if (++asked === 16) gone.abort();
      return never();
    };
    const { requestsOf } = createDraftRequests({ contract, codec: { ...hanging, encode }, timeoutMs: Infinity }, false);
    const drafts = Array.from({ length: 100 }, () => draft);
    const refused: unknown[] = [];
    await requestsOf(drafts, { signal: gone.signal }, (_, error) => refused.push(error));
    expect([refused.length, asked]).toEqual([100, 16]);
    expect(refused.at(-1)).toMatchObject({ code: 'CALL_CANCELLED' });
  });

  it('costs a read of many jobs its timeout once, and their caller may go', async () => {
    let asked = 0;
    const decode = (): Promise<never> => {
      asked += 1;
      return never();
    };
    const readJob = jobReader({ ...hanging, decode }, JSON.parse, 5);
    const job = (n: number) => ({ id: `j${n}`, spec: { handler: 'h', input: encoded }, output: null });
    const answer = { jobs: Array.from({ length: 200 }, (_, n) => job(n)), missing: [] };
    const connection = { unary: () => Promise.resolve(answer) };
    const parts = { connection, contract, readJob, timeoutMs: 5, codec: hanging, idempotent: false };
    const { getMany } = createJobCalls({ ...parts, backoff: createBackoff({}) } as unknown as Parameters<
      typeof createJobCalls
    >[0]);
    await expect(getMany(['a'])).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', outcome: 'unknown' });
    expect(asked).toBe(16);
    const gone = new AbortController();
    const asking = getMany(['a'], { timeoutMs: Infinity, signal: gone.signal });
    await expect.poll(() => asked).toBe(32);
    gone.abort();
    await expect(asking).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
  });

  it('has at most 16 inputs of one call at a time', async () => {
    const counts = { now: 0, most: 0 };
    const encode = async (bytes: Uint8Array): Promise<Uint8Array> => {
      counts.now += 1;
      counts.most = Math.max(counts.most, counts.now);
      await new Promise(setImmediate);
      counts.now -= 1;
      return bytes;
    };
    const { requestsOf } = createDraftRequests({ contract, codec: { ...hanging, encode }, timeoutMs: 5_000 }, false);
    const drafts = Array.from({ length: 50 }, () => draft);
    expect(await requestsOf(drafts, {}, () => undefined)).toHaveLength(50);
    expect(counts.most).toBe(16);
  });

  it('costs a read its timeout, and the call may have been carried out', async () => {
    const read = jobReader(hanging, JSON.parse, 1);
    const job = { id: 'j', spec: { handler: 'h', input: encoded }, output: null } as unknown as wire.Job;
    await expect(read(job)).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', outcome: 'unknown' });
    const gone = AbortSignal.abort();
    await expect(read(job, { timeoutMs: Infinity, signal: gone })).rejects.toMatchObject({ code: 'CALL_CANCELLED' });
  });
});

it('a wait refuses what is no number, and gives what came in time', async () => {
  const settings = { outcome: 'none' } as const;
  await expect(whileWaitedFor(Promise.resolve(7), { ...settings, timeoutMs: NaN })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'timeoutMs' }],
  });
  expect(await whileWaitedFor(Promise.resolve(7), { ...settings, timeoutMs: Infinity })).toBe(7);
  await expect(whileWaitedFor(Promise.reject(new Error('x')), { ...settings, timeoutMs: 1_000 })).rejects.toThrow('x');
});
