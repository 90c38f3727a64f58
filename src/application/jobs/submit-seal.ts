/** Seals the inputs of submits, and finds out which must be sealed. */
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { JobSpec, Payload } from '../../domain/job.ts';
import { inlineLimit } from '../../domain/payload-life.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { PayloadParts, PayloadStore } from '../ports/payload-store.ts';
import { inputSubject } from '../sealing/envelope.ts';
import type { FingerprintKeys } from '../sealing/fingerprint-keys.ts';
import { type PayloadOwner, sealStream, sealWhole } from '../sealing/sealed-payloads.ts';
import { sealedBytes } from '../sealing/sealed-parts.ts';
import { noSealing, type Sealer, type Sealing } from '../sealing/sealing.ts';
import type { JobFingerprint } from './job-fingerprint.ts';
import type { JobReader } from './job-reader.ts';
import type { AcceptedJob, RequestPayload } from './job-request.ts';
import { inlinePayload } from './job-resolution.ts';

/** Larger inputs go to the payload store. Of a sealed input its sealed bytes count. */
const inlineMaxBytes = 1_024;

export interface SealParts {
  /** Default: nothing is sealed. */
  readonly sealing?: Sealing;
  readonly fingerprintKeys?: FingerprintKeys;
  /** Reads the job that has the key of a submit already. */
  readonly reader?: JobReader;
}

/** What seals the input of one submit, and the key of its fingerprint. */
export interface InputSeal {
  readonly sealer: Sealer;
  /** Undefined if the job has no idempotency key. */
  readonly fingerprintKey: Uint8Array | undefined;
}

/**
 * Undefined if the input may be stored as it is. Rejects with ENCRYPTION_UNAVAILABLE before anything is stored. `always`: it was
 * sealed before.
 */
export async function inputSeal(
  { sealing = noSealing, fingerprintKeys }: SealParts,
  { tenant, hasKey, always }: { readonly tenant: string; readonly hasKey: boolean; readonly always: boolean },
): Promise<InputSeal | undefined> {
  if (!always && !(await sealing.requires(tenant))) return undefined;
  const [sealer, fingerprintKey] = await Promise.all([
    sealing.sealer(tenant),
    hasKey ? fingerprintKeys?.of(tenant) : undefined,
  ]);
  return { sealer, fingerprintKey };
}

interface InputPlace {
  readonly payloads: PayloadStore;
  readonly spec: Omit<JobSpec, 'input'>;
  /** Nobody else uses this name. */
  readonly name: string;
  readonly expiresAtMs: number;
}

/** Stores an input that is here as a whole, or puts it into the record. */
export async function storeInput(
  { payloads, spec, name, expiresAtMs }: InputPlace,
  input: RequestPayload,
  sealer: Sealer | undefined,
): Promise<Payload> {
  const limitBytes = inlineLimit(spec, inlineMaxBytes);
  if (sealer !== undefined) {
    const whole = await sealWhole(sealer, inputOwner(spec), input, limitBytes);
    if (whole.kind === 'inline') return whole.payload;
    return whole.refTo(await payloads.putPayload({ name, bytes: whole.bytes, expiresAtMs }));
  }
  const bytes = input.kind === 'json' ? Buffer.from(input.json) : input.bytes;
  if (bytes.byteLength <= limitBytes) return inlinePayload(input);
  const id = await payloads.putPayload({ name, bytes, expiresAtMs });
  return { kind: 'ref', id, bytes: bytes.byteLength, encoding: input.kind };
}

/** Stores an input of bytes as its parts come. `sha256` is that of the input itself. */
export async function storeInputParts(
  { payloads, spec, name, expiresAtMs }: InputPlace,
  { bytes, parts }: { readonly bytes: number; readonly parts: PayloadParts },
  sealer: Sealer | undefined,
): Promise<{ readonly input: Payload; readonly sha256: Uint8Array }> {
  if (sealer === undefined) {
    const { id, sha256 } = await payloads.writePayload({ name, bytes, expiresAtMs }, parts);
    return { input: { kind: 'ref', id, bytes, encoding: 'bytes' }, sha256 };
  }
  const sealed = sealStream(sealer, { ...inputOwner(spec), encoding: 'bytes' }, parts);
  const { id } = await payloads.writePayload({ name, bytes: sealedBytes(bytes), expiresAtMs }, sealed.parts);
  return { input: sealed.refTo(id), sha256: sealed.sha256() };
}

function inputOwner(spec: Omit<JobSpec, 'input'>): PayloadOwner {
  return { tenant: spec.tenant, kind: 'input', subject: inputSubject(spec) };
}

/**
 * The job of the same request from before its tenant was sealed. Its content hash had no key then, so the shard has taken this
 * request for another one. Throws the error of the shard if there is no such job.
 */
export async function acceptedPlain(
  { reader }: SealParts,
  context: CallContext,
  error: unknown,
  plain: JobFingerprint | undefined,
): Promise<AcceptedJob> {
  const isTaken = error instanceof TroupeError && error.code === 'IDEMPOTENCY_KEY_REUSED';
  const jobId = isTaken ? error.metadata['jobId'] : undefined;
  const view = jobId === undefined ? undefined : await reader?.read(context, jobId).catch(() => undefined);
  if (plain === undefined || view?.record.requestKey?.contentHash !== plain.contentHash) throw error;
  return { jobId: view.record.id, state: view.record.state, duplicate: true };
}

/** Options of a fingerprint. */
export function printOptions(seal: InputSeal | undefined): { readonly key?: Uint8Array } {
  return given({ key: seal?.fingerprintKey });
}
