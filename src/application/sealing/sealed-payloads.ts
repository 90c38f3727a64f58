/** Seals and opens payloads of jobs, inline ones and those in the payload store. */
import { createHash } from 'node:crypto';
import type { RunPayload } from '../../domain/attempt-outcome.ts';
import type { InlineSealed, SealedPayload, SealedRef } from '../../domain/job.ts';
import type { PayloadParts, PayloadStore, StoredPayload } from '../ports/payload-store.ts';
import { damagedSeal } from '../storage/damaged-payload.ts';
import type { SealContext } from './envelope.ts';
import {
  openedPayload,
  openWholeParts,
  parseSummary,
  plainPartBytes,
  sealedBytes,
  sealParts,
  type SealedSource,
} from './sealed-parts.ts';
import type { Sealer, Sealing } from './sealing.ts';

/** What a payload belongs to. The payload says its encoding itself. */
export type PayloadOwner = Omit<SealContext, 'encoding'>;

/** Sealed, and perhaps not stored yet. */
export type SealedWhole =
  | { readonly kind: 'inline'; readonly payload: InlineSealed }
  | { readonly kind: 'store'; readonly bytes: Uint8Array; readonly refTo: (id: string) => SealedRef };

/** `inlineMaxBytes` counts sealed bytes. */
export async function sealWhole(
  sealer: Sealer,
  owner: PayloadOwner,
  payload: RunPayload,
  inlineMaxBytes: number,
): Promise<SealedWhole> {
  const plain = payload.kind === 'json' ? Buffer.from(payload.json) : payload.bytes;
  const context = { ...owner, encoding: payload.kind };
  const bytes = plain.byteLength;
  if (sealer.envelopeBytes(bytes) <= inlineMaxBytes) {
    const envelope = base64Of(sealer.seal(context, plain));
    return { kind: 'inline', payload: { kind: 'sealed', envelope, bytes, encoding: payload.kind } };
  }
  const { parts, refTo } = sealStream(sealer, context, partsOf(plain));
  // Written where it stays, because a list of the parts would take as much again.
  const sealed = Buffer.allocUnsafe(sealedBytes(bytes));
  let at = 0;
  for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
    sealed.set(next.value, at);
    at += next.value.byteLength;
  }
  return { kind: 'store', bytes: sealed, refTo };
}

/** Seals parts as they come. `refTo` and `sha256` (of the plain bytes) may be called once all have come. */
export function sealStream(
  sealer: Sealer,
  context: SealContext,
  parts: PayloadParts,
): { readonly parts: PayloadParts; readonly refTo: (id: string) => SealedRef; readonly sha256: () => Uint8Array } {
  const sealed = sealParts(sealer.beginParts(context), parts);
  return {
    parts: sealed.parts,
    sha256: () => sealed.whole().sha256,
    refTo(storedAs) {
      const whole = sealed.whole();
      const summary = base64Of(sealer.sealSummary(context, whole));
      return { kind: 'sealed-ref', storedAs, summary, bytes: whole.bytes, encoding: context.encoding };
    },
  };
}

/** Undefined if the payload store no longer has it. */
export async function openSealed(
  { sealing, payloads }: OpeningParts,
  owner: PayloadOwner,
  payload: SealedPayload,
): Promise<RunPayload | undefined> {
  const context = { ...owner, encoding: payload.encoding };
  if (payload.kind === 'sealed') {
    const { plain } = await sealing.open(Buffer.from(payload.envelope, 'base64'), 'whole', context);
    return runPayload(payload.encoding, plain);
  }
  // Whether its key is there is found out before it is loaded.
  const source = await sourceOf(sealing, context, payload);
  const sealed = await payloads.getPayload(payload.storedAs);
  return sealed && runPayload(payload.encoding, openWholeParts(source, sealed));
}

/** For reading piece by piece. Undefined if the payload store no longer has it. */
export async function openSealedParts(
  { sealing, payloads }: OpeningParts,
  owner: PayloadOwner,
  payload: SealedPayload,
): Promise<StoredPayload | undefined> {
  const context = { ...owner, encoding: payload.encoding };
  if (payload.kind === 'sealed') {
    const { plain } = await sealing.open(Buffer.from(payload.envelope, 'base64'), 'whole', context);
    return inMemory(plain);
  }
  const source = await sourceOf(sealing, context, payload);
  const stored = await payloads.openPayload(payload.storedAs);
  return stored && openedPayload(source, stored);
}

export interface OpeningParts {
  readonly sealing: Sealing;
  readonly payloads: Pick<PayloadStore, 'getPayload' | 'openPayload'>;
}

/** A payload that is in memory, in the form of a stored one. */
export function inMemory(whole: Uint8Array): StoredPayload {
  return {
    bytes: whole.byteLength,
    sha256: createHash('sha256').update(whole).digest(),
    async *readFrom(offset) {
      yield whole.subarray(offset);
    },
  };
}

async function sourceOf(sealing: Sealing, context: SealContext, payload: SealedRef): Promise<SealedSource> {
  const { plain, key } = await sealing.open(Buffer.from(payload.summary, 'base64'), 'summary', context);
  const summary = parseSummary(plain);
  if (summary?.bytes !== payload.bytes) throw damagedSeal(payload.storedAs);
  return { key, context, summary, payloadId: payload.storedAs };
}

function runPayload(encoding: 'json' | 'bytes', plain: Uint8Array): RunPayload {
  return encoding === 'json'
    ? { kind: 'json', json: Buffer.from(plain).toString('utf8') }
    : { kind: 'bytes', bytes: plain };
}

async function* partsOf(plain: Uint8Array): AsyncGenerator<Uint8Array, Uint8Array> {
  for (let from = 0; from < plain.byteLength; from += plainPartBytes) yield plain.subarray(from, from + plainPartBytes);
  return new Uint8Array();
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
