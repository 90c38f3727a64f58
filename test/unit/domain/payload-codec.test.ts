/** What a codec is asked for, and what becomes of what it does wrong. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RunPayload } from '../../../src/domain/attempt-outcome.ts';
import { decodeFailure, encodeFailure } from '../../../src/domain/encoded-failure.ts';
import { failureMaxChars } from '../../../src/domain/job.ts';
import {
  type CodecContext,
  decodeValue,
  encodeValue,
  fingerprintOf,
  type PayloadCodec,
} from '../../../src/domain/payload-codec.ts';
import { turnedCodec } from '../../support/turned-codec.ts';

const about: CodecContext = { field: 'output', handler: 'test.echo', jobId: 'job-1' };
const json = (text: string): RunPayload => ({ kind: 'json', json: text });

it('gives back what it was given, of both kinds and any size', async () => {
  const values = fc.oneof(
    fc.json().map(json),
    fc.uint8Array({ maxLength: 100 }).map((bytes): RunPayload => ({ kind: 'bytes', bytes })),
  );
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      const bytes = await encodeValue(turnedCodec, about, value);
      expect(await decodeValue(turnedCodec, about, { kind: 'bytes', bytes })).toEqual(value);
    }),
  );
});

it.each([
  ['another field', { ...about, field: 'input' as const }],
  ['another job', { ...about, jobId: 'job-2' }],
  ['another handler', { ...about, handler: 'test.other' }],
])('refuses what is about %s, and tells nothing of it', async (_, other) => {
  const bytes = await encodeValue(turnedCodec, about, json('"canary"'));
  const refused = decodeValue(turnedCodec, other, { kind: 'bytes', bytes });
  await expect(refused).rejects.toMatchObject({ name: 'CodecError', field: other.field });
  await expect(refused).rejects.toThrow(`${other.field}: the codec cannot decode it`);
});

it('takes a plain value only if it says so', async () => {
  const accepting = { ...turnedCodec, acceptsPlain: true };
  for (const value of [json('1'), { kind: 'bytes', bytes: Buffer.from('plain') }] satisfies RunPayload[]) {
    await expect(decodeValue(turnedCodec, about, value)).rejects.toThrow('output: it is not encoded');
    expect(await decodeValue(accepting, about, value)).toEqual(value);
  }
});

it('names the field when the codec returns no bytes, or others than it was given', async () => {
  const codec = (bytes: unknown): PayloadCodec => ({
    encode: () => bytes as Uint8Array,
    decode: () => bytes as Uint8Array,
  });
  await expect(encodeValue(codec('text'), about, json('1'))).rejects.toThrow(
    'output: the codec cannot encode it: it re',
  );
  const encoded = await encodeValue(turnedCodec, about, json('1'));
  for (const wrong of [Buffer.alloc(0), Buffer.from([9, 1])])
    await expect(decodeValue(codec(wrong), about, { kind: 'bytes', bytes: encoded })).rejects.toThrow(
      'output: what the',
    );
});

it('takes a fingerprint of 16 to 64 bytes', async () => {
  const codec = (bytes: number): PayloadCodec => ({ ...turnedCodec, fingerprint: () => new Uint8Array(bytes) });
  expect(await fingerprintOf(turnedCodec, about, json('1'))).toBeUndefined();
  for (const bytes of [16, 64]) expect((await fingerprintOf(codec(bytes), about, json('1')))?.byteLength).toBe(bytes);
  for (const bytes of [0, 15, 65])
    await expect(fingerprintOf(codec(bytes), about, json('1'))).rejects.toThrow('its fingerprint must have 16 to 64');
});

it('hides the texts of a failure in the place of its stack, cut to what fits', async () => {
  const causes = [{ message: 'canary-cause', code: 'E2' }];
  const failure = { reason: 'HANDLER_FAILED', code: 'E1', message: 'canary', causes, stack: 'canary at' } as const;
  const encoded = await encodeFailure(turnedCodec, about, failure);
  expect(encoded).toMatchObject({
    reason: 'HANDLER_FAILED',
    code: 'E1',
    message: 'the text of this failure is encoded',
  });
  expect(JSON.stringify(encoded)).not.toContain('canary');
  expect(await decodeFailure(turnedCodec, about, encoded)).toEqual(failure);
  const long = await encodeFailure(turnedCodec, about, { ...failure, stack: 's'.repeat(failureMaxChars.stack) });
  expect(long.stack?.length).toBeLessThanOrEqual(failureMaxChars.stack);
  expect(await decodeFailure(turnedCodec, about, long)).toMatchObject({ message: 'canary', stack: 's'.repeat(1_000) });
});

it('a failure that cannot be encoded is one without text, and one of the cluster stays', async () => {
  const failure = { reason: 'HANDLER_FAILED', message: 'canary' } as const;
  const refusing: PayloadCodec = { ...turnedCodec, encode: () => Promise.reject(new Error('no')) };
  const large: PayloadCodec = { ...turnedCodec, encode: () => new Uint8Array(4_000) };
  for (const codec of [refusing, large])
    expect(JSON.stringify(await encodeFailure(codec, about, failure))).not.toContain('canary');
  expect(await decodeFailure(turnedCodec, about, failure)).toEqual(failure);
});

it('keeps values of two calls apart if the codec writes them into the same bytes', async () => {
  const shared = new Uint8Array(16);
  const fill = (bytes: Uint8Array): Uint8Array => shared.fill(bytes.byteLength);
  const codec = { encode: fill, decode: fill, fingerprint: fill };
  const input = { field: 'input', handler: 'a', jobId: undefined } as const;
  for (const work of [fingerprintOf, encodeValue]) {
    const [one, other] = await Promise.all(['1', '12'].map((text) => work(codec, input, json(text))));
    expect(one).not.toEqual(other);
  }
});

it('takes no JSON that is not the text that was encoded', async () => {
  const codec = { encode: same, decode: () => Uint8Array.of(0, 0x22, 0xff, 0x22) };
  const input = { field: 'input', handler: 'a', jobId: undefined } as const;
  const bytes = await encodeValue(codec, input, { kind: 'json', json: '""' });
  await expect(decodeValue(codec, input, { kind: 'bytes', bytes })).rejects.toThrow('input: what the codec');
});

function same(bytes: Uint8Array): Uint8Array {
  return bytes;
}
