/** Payloads that are sealed inline or in parts: they open whole and from any byte, for their job alone. */
import { createHash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PayloadParts } from '../../../../src/application/ports/payload-store.ts';
import type { SealedPayload, SealedRef } from '../../../../src/domain/job.ts';
import {
  openSealed,
  openSealedParts,
  type PayloadOwner,
  sealStream,
  sealWhole,
} from '../../../../src/application/sealing/sealed-payloads.ts';
import { plainPartBytes, sealedBytes } from '../../../../src/application/sealing/sealed-parts.ts';
import { createMemoryPayloads, createTestKeys, createTestSealing } from '../../../support/sealing.ts';
import { createManualClock } from '../manual-clock.ts';

const mib = 1_048_576;
const owner: PayloadOwner = { tenant: 'acme', kind: 'output', subject: 'job-1' };
const wrong = { code: 'INTERNAL_ERROR', metadata: { seal: 'wrong' } };

let sealing: ReturnType<typeof createTestSealing>;
let payloads: ReturnType<typeof createMemoryPayloads>;
beforeEach(() => {
  sealing = createTestSealing(createTestKeys(), createManualClock());
  payloads = createMemoryPayloads();
});

async function* partsOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += mib) yield bytes.subarray(from, from + mib);
  return new Uint8Array();
}

async function streamed(name: string, bytes: Uint8Array, of = owner): Promise<SealedRef> {
  const sealer = await sealing.sealer(of.tenant);
  const { parts, refTo } = sealStream(sealer, { ...of, encoding: 'bytes' }, partsOf(bytes) as PayloadParts);
  const { id } = await payloads.writePayload({ name, bytes: sealedBytes(bytes.byteLength), expiresAtMs: 1 }, parts);
  return refTo(id);
}

async function put(name: string, bytes: Uint8Array): Promise<SealedPayload> {
  const whole = await sealWhole(await sealing.sealer('acme'), owner, { kind: 'bytes', bytes }, 1_024);
  if (whole.kind === 'inline') return whole.payload;
  return whole.refTo(await payloads.putPayload({ name, bytes: whole.bytes, expiresAtMs: 1 }));
}

async function readFrom(payload: SealedPayload, offset: number, of = owner): Promise<Buffer> {
  const stored = await openSealedParts({ sealing, payloads }, of, payload);
  const pieces: Uint8Array[] = [];
  for await (const piece of stored?.readFrom(offset) ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

const sizes = [0, 1, 500, 1_024, 5_000, plainPartBytes, plainPartBytes + 1, mib, 2 * plainPartBytes, 3 * mib + 17];

it.each(sizes)('%i bytes open as they were, whole and as a stream', async (size) => {
  const bytes = randomBytes(size);
  const sha256 = createHash('sha256').update(bytes).digest();
  const one = await put('one', bytes);
  expect(one).toMatchObject({ bytes: size, encoding: 'bytes', kind: size < 900 ? 'sealed' : 'sealed-ref' });
  expect(JSON.parse(JSON.stringify(one))).toEqual(one);
  const two = await streamed('two', bytes);
  for (const payload of [one, two]) {
    const opened = await openSealed({ sealing, payloads }, owner, payload);
    expect(opened?.kind === 'bytes' && bytes.equals(opened.bytes)).toBe(true);
    expect((await openSealedParts({ sealing, payloads }, owner, payload))?.sha256).toEqual(sha256);
    for (const offset of [0, 1, plainPartBytes - 1, plainPartBytes, mib, size - 1].filter((at) => at >= 0 && at < size))
      expect(bytes.subarray(offset).equals(await readFrom(payload, offset)), `from ${offset}`).toBe(true);
  }
  expect(payloads.stored.get('two')?.byteLength).toBe(sealedBytes(size));
});

it('counts sealed bytes for what is inline', async () => {
  const sealer = await sealing.sealer('acme');
  const most = 1_024 - sealer.envelopeBytes(0);
  for (const [size, kind] of [
    [most, 'inline'],
    [most + 1, 'store'],
  ] as const) {
    const whole = await sealWhole(sealer, owner, { kind: 'bytes', bytes: randomBytes(size) }, 1_024);
    expect(whole.kind).toBe(kind);
    if (whole.kind === 'inline') expect(Buffer.from(whole.payload.envelope, 'base64').byteLength).toBe(1_024);
  }
});

it('does not show that two payloads are alike', async () => {
  const bytes = Buffer.from('the same');
  expect(await put('one', bytes)).not.toEqual(await put('two', bytes));
});

describe('in the store', () => {
  const bytes = randomBytes(2 * mib + 5);
  const part = (number: number, name = 'one'): Buffer =>
    Buffer.from(payloads.stored.get(name)?.subarray(number * mib, (number + 1) * mib) ?? []);
  const both = async (ref: SealedRef): Promise<void> => {
    await expect(openSealed({ sealing, payloads }, owner, ref)).rejects.toMatchObject(wrong);
    await expect(readFrom(ref, 0)).rejects.toMatchObject(wrong);
  };

  it.each([
    ['parts in another order', () => [part(1), part(0), part(2)]],
    ['a part twice', () => [part(0), part(0), part(2)]],
    ['without the last part', () => [part(0), part(1)]],
    ['without a part in the middle', () => [part(0), part(2)]],
    ['with a part more', () => [part(0), part(1), part(2), part(2)]],
    ['cut within a part', () => [part(0), part(1), part(2).subarray(1)]],
    ['a part of another payload', () => [part(0), part(1, 'two'), part(2)]],
    ['another payload as a whole', () => [part(0, 'two'), part(1, 'two'), part(2, 'two')]],
    [
      'a byte changed',
      () => [part(0), Buffer.concat([part(1).subarray(0, -1), Buffer.from([(part(1).at(-1) ?? 0) ^ 1])]), part(2)],
    ],
  ])('%s is refused', async (_, change) => {
    const ref = await streamed('one', bytes);
    await streamed('two', bytes);
    payloads.stored.set('one', Buffer.concat(change()));
    await both(ref);
  });

  it('what is gone is gone', async () => {
    const ref = await streamed('one', bytes);
    payloads.stored.clear();
    expect(await openSealed({ sealing, payloads }, owner, ref)).toBeUndefined();
    expect(await openSealedParts({ sealing, payloads }, owner, ref)).toBeUndefined();
  });

  it('another size in the record is refused', async () => {
    const ref = await streamed('one', bytes);
    await both({ ...ref, bytes: ref.bytes - 1 });
  });

  it('a piece is never given before it was found authentic', async () => {
    const ref = await streamed('one', bytes);
    payloads.stored.set('one', Buffer.concat([part(0), part(2), part(1)]));
    const stored = await openSealedParts({ sealing, payloads }, owner, ref);
    const given: number[] = [];
    await expect(
      (async () => {
        for await (const piece of stored?.readFrom(0) ?? []) given.push(piece.byteLength);
      })(),
    ).rejects.toMatchObject(wrong);
    expect(given).toEqual([plainPartBytes]);
  });
});

it.each([
  { ...owner, tenant: 'other' },
  { ...owner, subject: 'job-2' },
  { ...owner, kind: 'checkpoint' as const },
  { ...owner, kind: 'input' as const },
])('nothing opens as $tenant $kind of $subject', async (other) => {
  const inline = await put('small', Buffer.from('x'));
  const stored = await put('large', randomBytes(5_000));
  for (const payload of [inline, stored]) {
    await expect(openSealed({ sealing, payloads }, other, payload)).rejects.toMatchObject(wrong);
    await expect(readFrom(payload, 0, other)).rejects.toMatchObject(wrong);
  }
  expect(sealing.refused).toEqual(Array.from({ length: 4 }, () => other.kind));
});

it('an inline envelope is no summary, and a summary no payload', async () => {
  const inline = await put('small', Buffer.from('x'));
  const stored = await put('large', randomBytes(5_000));
  if (inline.kind !== 'sealed' || stored.kind !== 'sealed-ref') throw new Error('not as expected');
  const asInline = { ...inline, envelope: stored.summary };
  await expect(openSealed({ sealing, payloads }, owner, asInline)).rejects.toMatchObject(wrong);
  await expect(openSealed({ sealing, payloads }, owner, { ...stored, summary: inline.envelope })).rejects.toMatchObject(
    wrong,
  );
});
