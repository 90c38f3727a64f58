/** The layout of sealed bytes, which other languages read too, and that nothing of it can be changed or moved. */
import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  aboutPart,
  openEnvelope,
  openPart,
  parseEnvelope,
  type SealContext,
  sealEnvelope,
  sealKinds,
  sealPart,
} from '../../../../src/application/sealing/envelope.ts';

interface Vector {
  readonly name: string;
  readonly form: 'whole' | 'summary';
  readonly dataKey: string;
  readonly keyRef: string;
  readonly wrapped: string;
  readonly nonce: string;
  readonly context: SealContext;
  readonly plain: string;
  readonly envelope: string;
}
interface PartVector extends Pick<Vector, 'name' | 'dataKey' | 'nonce' | 'context' | 'plain'> {
  readonly sealId: string;
  readonly number: number;
  readonly isLast: boolean;
  readonly part: string;
}
const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as {
  readonly envelopes: readonly Vector[];
  readonly parts: readonly PartVector[];
};
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const keyOf = ({ dataKey }: Pick<Vector, 'dataKey'>) => createSecretKey(hex(dataKey));

function parsed(bytes: Uint8Array) {
  const found = parseEnvelope(bytes);
  if (found.kind !== 'envelope') throw new Error(found.kind);
  return found.envelope;
}

it.each(vectors.envelopes)('the vector $name', (vector) => {
  const { form, context } = vector;
  const key = { key: keyOf(vector), keyRef: vector.keyRef, wrapped: hex(vector.wrapped) };
  const envelope = sealEnvelope(key, form, context, { plain: hex(vector.plain), nonce: hex(vector.nonce) });
  expect(Buffer.from(envelope).toString('hex')).toBe(vector.envelope);
  const found = parsed(envelope);
  expect(found).toMatchObject({ form, keyRef: vector.keyRef });
  expect(Buffer.from(openEnvelope(found, keyOf(vector), context) ?? []).toString('hex')).toBe(vector.plain);
});

it.each(vectors.parts)('the vector of a part $name', (vector) => {
  const { context, number, isLast } = vector;
  const about = aboutPart(hex(vector.sealId), context, { number, isLast });
  const part = sealPart(keyOf(vector), about, { plain: hex(vector.plain), nonce: hex(vector.nonce) });
  expect(Buffer.from(part).toString('hex')).toBe(vector.part);
  expect(Buffer.from(openPart(keyOf(vector), about, part) ?? []).toString('hex')).toBe(vector.plain);
});

it('refuses an envelope of which any bit was changed, or that was cut or made longer', () => {
  for (const vector of vectors.envelopes) {
    const envelope = hex(vector.envelope);
    const opens = (bytes: Uint8Array): boolean => {
      const found = parseEnvelope(bytes);
      return found.kind === 'envelope' && openEnvelope(found.envelope, keyOf(vector), vector.context) !== undefined;
    };
    expect(opens(envelope)).toBe(true);
    for (let bit = 0; bit < envelope.length * 8; bit += 1) {
      const changed = Buffer.from(envelope);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(opens(changed), `bit ${bit}`).toBe(false);
    }
    for (let length = 0; length < envelope.length; length += 1) expect(opens(envelope.subarray(0, length))).toBe(false);
    expect(opens(Buffer.concat([envelope, Buffer.alloc(1)]))).toBe(false);
  }
});

it('refuses a part of which any bit was changed', () => {
  for (const vector of vectors.parts) {
    const { context, number, isLast } = vector;
    const about = aboutPart(hex(vector.sealId), context, { number, isLast });
    const part = hex(vector.part);
    for (let bit = 0; bit < part.length * 8; bit += 1) {
      const changed = Buffer.from(part);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openPart(keyOf(vector), about, changed), `bit ${bit}`).toBeUndefined();
    }
  }
});

it('refuses whatever was sealed for another tenant, job, field or encoding', () => {
  const [vector] = vectors.envelopes;
  if (vector === undefined) throw new Error('no vector');
  const { context } = vector;
  const others: SealContext[] = [
    { ...context, tenant: 'other' },
    { ...context, subject: 'other' },
    { ...context, encoding: 'bytes' },
    // The same letters, divided otherwise.
    { ...context, tenant: `${context.tenant}${context.kind[0]}`, kind: context.kind },
    ...sealKinds.filter((kind) => kind !== context.kind).map((kind) => ({ ...context, kind })),
  ];
  for (const other of others) expect(openEnvelope(parsed(hex(vector.envelope)), keyOf(vector), other)).toBeUndefined();
});

it('tells an envelope of a later version from a damaged one', () => {
  expect(parseEnvelope(Buffer.from([2, 0, 1, 2, 3]))).toEqual({ kind: 'later-version' });
  expect(parseEnvelope(new Uint8Array())).toEqual({ kind: 'damaged' });
  expect(parseEnvelope(Buffer.from([1, 9, 1, 2, 3, 4, 5]))).toEqual({ kind: 'damaged' });
});
