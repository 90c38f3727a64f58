/** Submits a job whose input arrives as a stream. The job is sent to a shard once all of its input is stored. */
import { randomUUID } from 'node:crypto';
import type { Payload } from '../../domain/job.ts';
import { payloadsStoredMs } from '../../domain/payload-life.ts';
import type { CallContext } from '../ports/call-context.ts';
import { fingerprint } from './job-fingerprint.ts';
import type { AcceptedJob } from './job-request.ts';
import { payloadMarginMs } from '../ports/payload-store.ts';
import { withinQuotas, checkJob, type SubmitParts } from './submit-check.ts';
import { acceptedPlain, inputSeal, printOptions, storeInputParts } from './submit-seal.ts';
import { sendJob, takeBack } from './submit-send.ts';
import {
  checkStreamed,
  inputParts,
  type InputPiece,
  inTime,
  type StreamedRequest,
  uploadMaxMs,
} from './streamed-input.ts';

interface StreamedSubmit extends StreamedRequest {
  readonly pieces: AsyncIterable<InputPiece>;
  /** See `SubmitOptions`. */
  readonly seals?: boolean;
}

/** Reads no piece before the job is known to be valid. An input that is not completed creates no job. */
export async function submitStreamed(
  parts: SubmitParts,
  context: CallContext,
  open: StreamedSubmit,
): Promise<AcceptedJob> {
  const { request, inputBytes, pieces, seals = false } = open;
  checkStreamed(open);
  const checked = await checkJob(parts, context, { request, streamedBytes: inputBytes });
  const { spec } = checked.resolution;
  return withinQuotas(parts, checked, async (inTenant) => {
    const hasKey = request.idempotencyKey !== '';
    const seal = await inputSeal(parts, { tenant: context.tenant, hasKey, always: seals });
    const name = `in-${randomUUID()}`;
    const fromMs = checked.nowMs;
    // Allow for the upload, because the job is created only after it.
    const maxMs = uploadMaxMs(inputBytes);
    const expiresAtMs = fromMs + maxMs + payloadsStoredMs(spec) + payloadMarginMs;
    const source = inputParts(inTime(context, { pieces, clock: parts.clock, fromMs, maxMs }), inputBytes);
    const place = { payloads: parts.payloads, spec, name, expiresAtMs };
    const { input, sha256 } = await storeInputParts(place, { bytes: inputBytes, parts: source }, seal?.sealer);
    await ensureStillMaySubmit(parts, context, input);
    const print = fingerprint(context.tenant, request, { ...printOptions(seal), streamed: sha256 });
    const sent = sendJob(parts, context, { spec: { ...spec, input }, ...print, ...inTenant });
    if (seal === undefined) return sent;
    return sent.catch((error: unknown) =>
      acceptedPlain(parts, context, error, fingerprint(context.tenant, request, { streamed: sha256 })),
    );
  });
}

/** The tenant may have been paused, or its deletion have begun, while the input came: that may take an hour. */
async function ensureStillMaySubmit(
  { tenantLimits, payloads }: SubmitParts,
  { tenant }: CallContext,
  input: Payload,
): Promise<void> {
  try {
    await tenantLimits.ensureMaySubmit(tenant);
  } catch (error) {
    await takeBack({ payloads }, { spec: { input } });
    throw error;
  }
}
