/**
 * Inputs that clients write to the object store themselves. A job is checked before its upload begins, as a streamed one is,
 * and again when it is submitted. Then the bytes are there, with the size and the SHA-256 that were announced, before a shard
 * sees the job.
 */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import type { JobSpec, Payload } from '../../domain/job.ts';
import { payloadsStoredMs } from '../../domain/payload-life.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { JobStore } from '../ports/job-store.ts';
import { linkMaxBytes, type UploadLinks, type WriteLink } from '../ports/payload-links.ts';
import { payloadMarginMs } from '../ports/payload-store.ts';
import { noSealing } from '../sealing/sealing.ts';
import { sweptLateMs } from '../storage/upload-ticket.ts';
import { type JobFingerprint, uploadFingerprint } from './job-fingerprint.ts';
import type { JobReader } from './job-reader.ts';
import type { AcceptedJob, JobRequest } from './job-request.ts';
import { noLink } from './payload-link.ts';
import { uploadMaxMs } from './streamed-input.ts';
import { withinQuotas, checkJob, inItsPlace, type SubmitParts } from './submit-check.ts';
import { homeOf, sendJob } from './submit-send.ts';
import { ownerOf, parseUploadId, type Upload, uploadOf } from './upload-id.ts';

interface AnnouncedUpload {
  /** Has no input. */
  readonly request: JobRequest;
  readonly inputBytes: number;
  readonly sha256: Uint8Array;
}

interface BegunUpload {
  readonly uploadId: string;
  readonly link: WriteLink;
  /** Until then it can be submitted. */
  readonly submitByMs: number;
}

export interface Uploads {
  begin(context: CallContext, announced: AnnouncedUpload): Promise<BegunUpload>;
  /** Memory that a submit takes while it looks at its upload is that of one part of a payload. */
  submit(
    context: CallContext,
    uploaded: { readonly request: JobRequest; readonly uploadId: string },
  ): Promise<AcceptedJob>;
}

export interface UploadsParts extends SubmitParts {
  readonly keys: Pick<JobStore, 'findKeys'>;
  readonly reader: JobReader;
}

export function createUploads(parts: UploadsParts): Uploads {
  return {
    begin: (context, announced) => beginUpload(parts, context, announced),
    submit: (context, { request, uploadId }) => submitUploaded(parts, context, request, uploadId),
  };
}

async function beginUpload(
  parts: UploadsParts,
  context: CallContext,
  announced: AnnouncedUpload,
): Promise<BegunUpload> {
  const { request, inputBytes, sha256 } = announced;
  await refuseIfSealed(parts, context);
  const links = uploadLinks(parts);
  checkAnnounced(announced);
  const checked = await checkJob(parts, context, { request, streamedBytes: inputBytes, submittedLater: true });
  if (inputBytes > linkMaxBytes) throw tooLargeForLink(inputBytes);
  return inItsPlace(parts, checked, async () => {
    const { nowMs, resolution } = checked;
    const keepByMs = nowMs + Math.min(longestMs(links, inputBytes), keyKnownMs(resolution.spec));
    const expiresAtMs = keepByMs + sweptLateMs + payloadsStoredMs(resolution.spec) + payloadMarginMs;
    const owner = ownerOf(context.tenant, request);
    const upload = uploadOf({ uuid: randomUUID(), bytes: inputBytes, sha256, keepByMs, expiresAtMs, owner });
    return { uploadId: upload.id, link: await links.begin(upload), submitByMs: keepByMs };
  });
}

/** A link that lasts to its end, and then the time that any upload has. */
function longestMs({ lifetimeMs }: UploadLinks, inputBytes: number): number {
  return lifetimeMs + uploadMaxMs(inputBytes);
}

/**
 * A key is known for the retention of its job. Past that the upload could become the input of a second job. Half of it, for
 * clocks that differ.
 */
function keyKnownMs({ retentionMs }: Pick<JobSpec, 'retentionMs'>): number {
  return Math.floor(retentionMs / 2);
}

async function submitUploaded(
  parts: UploadsParts,
  context: CallContext,
  request: JobRequest,
  uploadId: string,
): Promise<AcceptedJob> {
  await refuseIfSealed(parts, context);
  const links = uploadLinks(parts);
  const upload = expectOwn(uploadId, context, request);
  const checked = await checkJob(parts, context, { request, streamedBytes: upload.bytes });
  const { spec } = checked.resolution;
  const print = uploadFingerprint(context.tenant, request, upload);
  return withinQuotas(parts, checked, async (inTenant) => {
    // Of a job that has ended: what was uploaded for it may be gone, and what was uploaded again is swept.
    const known = await acceptedBefore(parts, context, { ...print, spec });
    if (known !== undefined) return known;
    expectInTime(upload, spec, parts.clock.nowMs());
    const id = await keepUpload(parts, links, context, upload);
    const input: Payload = { kind: 'ref', id, bytes: upload.bytes, encoding: 'bytes' };
    // It stays whatever the answer is: another call with the same upload may be accepted at any time.
    return sendJob(parts, context, { spec: { ...spec, input }, ...print, ...inTenant }, { keepsInput: true });
  });
}

/** What a client writes to the bucket itself nobody has sealed. */
async function refuseIfSealed({ sealing = noSealing }: UploadsParts, { tenant }: CallContext): Promise<void> {
  if (await sealing.requires(tenant))
    throw noLink('inputs of this tenant are sealed, and a link would store plain bytes: use SubmitJobStream');
}

function uploadLinks({ payloads }: UploadsParts): UploadLinks {
  const uploads = payloads.links?.uploads;
  if (uploads !== undefined) return uploads;
  throw noLink('large payloads of this gateway do not lie in a bucket (objects.kind): use SubmitJobStream');
}

function checkAnnounced({ request, inputBytes, sha256 }: AnnouncedUpload): void {
  const checks = new FieldChecks();
  if (request.input !== undefined) checks.add('submit.job.input', inputComesLater);
  if (!Number.isInteger(inputBytes) || inputBytes < 0) checks.add('input_size_bytes', 'must be a number of bytes');
  if (sha256.byteLength !== 32) {
    checks.add('input_sha256', `must be the 32 bytes of a SHA-256, not ${sha256.byteLength} bytes`);
  }
  checks.ensureNone();
}

const inputComesLater = 'must be absent: the input is what is uploaded';

function expectOwn(uploadId: string, context: CallContext, request: JobRequest): Upload {
  if (request.input !== undefined) throw invalid('submit.job.input', inputComesLater);
  const upload = parseUploadId(uploadId);
  if (upload === undefined) throw invalid('upload_id', uploadId === '' ? 'is required' : 'is not the id of an upload');
  if (upload.owner === ownerOf(context.tenant, request)) return upload;
  const description = 'this, or the other of the two keys, is not that with which the upload was begun';
  const violations = ['submit.idempotency_key', 'submit.job.unique.key'].map((field) => ({ field, description }));
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

function tooLargeForLink(bytes: number): TroupeError {
  const description = `has ${bytes} bytes, at most ${linkMaxBytes} fit a link: use SubmitJobStream`;
  return new TroupeError('PAYLOAD_TOO_LARGE', {
    metadata: { payloadBytes: String(bytes), payloadMaxBytes: String(linkMaxBytes) },
    violations: [{ field: 'input_size_bytes', description }],
  });
}

const expired = 'has expired: begin another upload, unless a submit of this one may have been accepted';

/** Object and key are kept for as long as was clear when the upload was begun. */
function expectInTime({ keepByMs, expiresAtMs }: Upload, spec: Omit<JobSpec, 'input'>, nowMs: number): void {
  if (nowMs >= keepByMs) throw invalid('upload_id', expired);
  const differs = (than: string): string => `is ${than} than when the upload was begun: begin another one`;
  if (nowMs + spec.retentionMs < keepByMs) throw invalid('job.retention', differs('shorter'));
  if (nowMs + payloadsStoredMs(spec) + payloadMarginMs <= expiresAtMs) return;
  throw invalid(spec.payloadRetentionMs === undefined ? 'job.retention' : 'job.payload_retention', differs('longer'));
}

/** Makes what lies there a payload if it is what was announced. */
async function keepUpload(
  { clock }: Pick<UploadsParts, 'clock'>,
  links: UploadLinks,
  context: CallContext,
  upload: Upload,
): Promise<string> {
  const found = await links.find(upload, () => ensureAwaited(context, clock.nowMs()));
  const problem = problemWith(found, upload);
  if (problem !== undefined) throw invalid('upload_id', problem);
  const id = await links.keep(upload);
  if (id === undefined) throw invalid('upload_id', expired);
  return id;
}

function problemWith(found: Pick<Upload, 'bytes' | 'sha256'> | undefined, upload: Upload): string | undefined {
  if (found === undefined) return 'nothing lies there: write the input with the link of BeginUpload first';
  if (found.bytes !== upload.bytes) {
    return `${found.bytes} bytes lie there, and ${upload.bytes} were announced: upload them again`;
  }
  if (timingSafeEqual(found.sha256, upload.sha256)) return undefined;
  return 'what lies there has another SHA-256 than was announced: upload it again';
}

/** The same job, if an earlier submit has made it and it has ended. Keys of unfinished jobs are known to their shard alone. */
async function acceptedBefore(
  { keys, shards, reader, clock }: UploadsParts,
  context: CallContext,
  submit: JobFingerprint & { readonly spec: Omit<JobSpec, 'input'> },
): Promise<AcceptedJob | undefined> {
  const { keyHash, contentHash } = submit;
  const entry = (await keys.findKeys(shards.ofKey(homeOf(submit) ?? keyHash), [keyHash])).get(keyHash);
  if (entry?.contentHash !== contentHash || entry.expiresAtMs <= clock.nowMs()) return undefined;
  const view = await reader.read(context, entry.jobId).catch(missingIsUndefined);
  return view && { jobId: view.record.id, state: view.record.state, duplicate: true };
}

function missingIsUndefined(error: unknown): undefined {
  if (!(error instanceof TroupeError) || error.code !== 'JOB_NOT_FOUND') throw error;
}

function invalid(field: string, description: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field, description }] });
}
