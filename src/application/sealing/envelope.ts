/**
 * The envelope around sealed bytes. Other languages read it, too: its layout is fixed by the vectors in
 * test/unit/application/sealing/vectors.json, and a change of it is a new version.
 *
 * | bytes | |
 * |---|---|
 * | 1 | version |
 * | 1 | form: 0 for the whole of something, 1 for the summary of what lies in the store in parts |
 * | 1 + n | length and text of the key reference |
 * | 2 + n | length (big-endian) and bytes of the wrapped data key |
 * | 12 | nonce, random |
 * | rest | AES-256-GCM text, and 16 bytes of tag |
 *
 * All bytes before the nonce are authenticated together with what the sealed bytes are about (`SealContext`). So nothing can
 * be moved to another tenant, another job or another field.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { invariant } from '../../domain/errors.ts';
import { keyRefMaxBytes, wrappedMaxBytes, type WrappedKey } from '../ports/key-wrapping.ts';

export const nonceBytes = 12;
export const tagBytes = 16;
const version = 1;
const forms = { whole: 0, summary: 1 } as const;
export type EnvelopeForm = keyof typeof forms;

export const sealKinds = [
  'input',
  'output',
  'checkpoint',
  'log',
  'log-line',
  'failure',
  'progress',
  'fingerprint-key',
] as const;
export type SealKind = (typeof sealKinds)[number];

/** What sealed bytes are about. They open for exactly this. */
export interface SealContext {
  readonly tenant: string;
  readonly kind: SealKind;
  /** Of an input its queue and handler (`inputSubject`), since the job has no id yet. Of everything else the id of the job. */
  readonly subject: string;
  readonly encoding: 'json' | 'bytes';
}

/** The names of queues and handlers have no slash. */
export function inputSubject({ queue, handler }: { readonly queue: string; readonly handler: string }): string {
  return `${queue}/${handler}`;
}

/** A data key with its wrapped form. */
export interface DataKey extends WrappedKey {
  readonly key: KeyObject;
}

export interface Envelope extends WrappedKey {
  readonly form: EnvelopeForm;
  /** What comes before the nonce. */
  readonly head: Uint8Array;
  readonly nonce: Uint8Array;
  readonly text: Uint8Array;
}

export type ParsedEnvelope =
  | { readonly kind: 'envelope'; readonly envelope: Envelope }
  /** A later version of Troupe wrote it. */
  | { readonly kind: 'later-version' }
  | { readonly kind: 'damaged' };

export function envelopeBytes({ keyRef, wrapped }: WrappedKey, plainBytes: number): number {
  return 5 + Buffer.byteLength(keyRef) + wrapped.byteLength + nonceBytes + plainBytes + tagBytes;
}

export function sealEnvelope(
  dataKey: DataKey,
  form: EnvelopeForm,
  context: SealContext,
  { plain, nonce }: { readonly plain: Uint8Array; readonly nonce: Uint8Array },
): Uint8Array {
  const head = keptHeadOf(dataKey, form);
  const text = seal(dataKey.key, { nonce, plain, about: aboutWhole(head, context) });
  return Buffer.concat([head, nonce, text]);
}

/** Undefined if it was not sealed with this key for this context, or is not what was sealed. */
export function openEnvelope(
  { head, nonce, text }: Envelope,
  key: KeyObject,
  context: SealContext,
): Uint8Array | undefined {
  return open(key, { nonce, text, about: aboutWhole(head, context) });
}

export function parseEnvelope(bytes: Uint8Array): ParsedEnvelope {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length > 0 && (view[0] ?? 0) > version) return { kind: 'later-version' };
  const form = (Object.keys(forms) as EnvelopeForm[]).find((known) => forms[known] === view[1]);
  const keyRefEnd = 3 + (view[2] ?? 0);
  if (view[0] !== version || form === undefined || view.length < keyRefEnd + 2) return { kind: 'damaged' };
  const headEnd = keyRefEnd + 2 + view.readUInt16BE(keyRefEnd);
  if (view.length < headEnd + nonceBytes + tagBytes) return { kind: 'damaged' };
  const envelope = {
    form,
    keyRef: view.toString('utf8', 3, keyRefEnd),
    wrapped: view.subarray(keyRefEnd + 2, headEnd),
    head: view.subarray(0, headEnd),
    nonce: view.subarray(headEnd, headEnd + nonceBytes),
    text: view.subarray(headEnd + nonceBytes),
  };
  return { kind: 'envelope', envelope };
}

/** A part of what lies in the store: a nonce, then text and tag. `about` says which part of what it is. */
export function sealPart(
  key: KeyObject,
  about: Uint8Array,
  { plain, nonce }: { readonly plain: Uint8Array; readonly nonce: Uint8Array },
): Uint8Array {
  return Buffer.concat([nonce, seal(key, { nonce, plain, about })]);
}

export function openPart(key: KeyObject, about: Uint8Array, part: Uint8Array): Uint8Array | undefined {
  if (part.byteLength < nonceBytes + tagBytes) return undefined;
  return open(key, { nonce: part.subarray(0, nonceBytes), text: part.subarray(nonceBytes), about });
}

/** `sealId` is random, and is named in the sealed summary alone. So a part belongs to one record. */
export function aboutPart(
  sealId: Uint8Array,
  context: SealContext,
  { number, isLast }: { readonly number: number; readonly isLast: boolean },
): Uint8Array {
  const place = Buffer.alloc(5);
  place.writeUInt32BE(number, 0);
  place.writeUInt8(isLast ? 1 : 0, 4);
  return Buffer.concat([Buffer.from('troupe part 1'), sealId, fieldsOf(context), place]);
}

function aboutWhole(head: Uint8Array, context: SealContext): Uint8Array {
  return Buffer.concat([Buffer.from('troupe seal 1'), head, fieldsOf(context)]);
}

/** Each with its length, so that no two contexts have the same bytes. */
function fieldsOf({ tenant, kind, subject, encoding }: SealContext): Uint8Array {
  const fields = [tenant, kind, subject, encoding];
  const sizes = fields.map((field) => Buffer.byteLength(field));
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + 2 + size, 0));
  let at = 0;
  for (const [index, field] of fields.entries()) {
    at = bytes.writeUInt16BE(sizes[index] ?? 0, at);
    at += bytes.write(field, at);
  }
  return bytes;
}

/** A data key seals many times, always with the same head. */
const heads: Readonly<Record<EnvelopeForm, WeakMap<DataKey, Uint8Array>>> = {
  whole: new WeakMap(),
  summary: new WeakMap(),
};

function keptHeadOf(dataKey: DataKey, form: EnvelopeForm): Uint8Array {
  let head = heads[form].get(dataKey);
  if (head === undefined) {
    head = headOf(dataKey, form);
    heads[form].set(dataKey, head);
  }
  return head;
}

function headOf({ keyRef, wrapped }: WrappedKey, form: EnvelopeForm): Uint8Array {
  const name = Buffer.from(keyRef);
  invariant(name.length <= keyRefMaxBytes, 'the reference of a key has at most keyRefMaxBytes');
  invariant(wrapped.byteLength <= wrappedMaxBytes, 'a wrapped key has at most wrappedMaxBytes');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.byteLength);
  return Buffer.concat([Buffer.from([version, forms[form], name.length]), name, length, wrapped]);
}

interface Bound {
  readonly nonce: Uint8Array;
  readonly about: Uint8Array;
}

function seal(key: KeyObject, { nonce, plain, about }: Bound & { readonly plain: Uint8Array }): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(about);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: KeyObject, { nonce, text, about }: Bound & { readonly text: Uint8Array }): Uint8Array | undefined {
  const end = text.byteLength - tagBytes;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(about);
  decipher.setAuthTag(text.subarray(end));
  const plain = decipher.update(text.subarray(0, end));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    // The only reason is a wrong tag.
    return undefined;
  }
}
