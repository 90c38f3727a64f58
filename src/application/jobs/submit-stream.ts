/** Submits a job whose input arrives as a stream. The job is sent to a shard once all of its input is stored. */
import { randomUUID } from 'node:crypto';
import type { Payload } from '../../domain/job.ts';
import { payloadsStoredMs } from '../../domain/payload-life.ts';
import type { CallContext } from '../ports/call-context.ts';
import { fingerprint } from './job-fingerprint.ts';
import type { AcceptedJob } from './job-request.ts';
import { payloadMarginMs } from '../ports/payload-store.ts';
import { checkJob, inItsPlace, type SubmitParts } from './submit-check.ts';
import { sendJob } from './submit-send.ts';
import {
  checkStreamed,
  inputParts,
  type InputPiece,
  inTime,
  type StreamedRequest,
  uploadMaxMs,
} from './streamed-input.ts';

/** Reads no piece before the job is known to be valid. An input that is not completed creates no job. */
export async function submitStreamed(
  parts: SubmitParts,
  context: CallContext,
  open: StreamedRequest,
  pieces: AsyncIterable<InputPiece>,
): Promise<AcceptedJob> {
  const { request, inputBytes } = open;
  checkStreamed(open);
  const checked = await checkJob(parts, context, { request, streamedBytes: inputBytes });
  const { spec } = checked.resolution;
  return inItsPlace(parts, checked, async () => {
    const name = `in-${randomUUID()}`;
    const fromMs = checked.nowMs;
    // Allow for the upload, because the job is created only after it.
    const maxMs = uploadMaxMs(inputBytes);
    const expiresAtMs = fromMs + maxMs + payloadsStoredMs(spec) + payloadMarginMs;
    const source = inputParts(inTime(context, { pieces, clock: parts.clock, fromMs, maxMs }), inputBytes);
    const { id, sha256 } = await parts.payloads.writePayload({ name, bytes: inputBytes, expiresAtMs }, source);
    const input: Payload = { kind: 'ref', id, bytes: inputBytes, encoding: 'bytes' };
    return sendJob(parts, context, { spec: { ...spec, input }, ...fingerprint(context.tenant, request, sha256) });
  });
}
