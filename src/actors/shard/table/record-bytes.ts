/**
 * Estimates the heap that an unfinished job takes: its record, its entry in the table, and its places in the lists of
 * its queue and of the deadlines. The constants were measured. They are somewhat above the measured values, because the
 * sum must not be too low (test/integration/record-bytes.test.ts compares it with a real heap).
 */
import type { JobRecord, JobSpec, Payload } from '../../../domain/job.ts';

/** A job with an empty input and no other texts. */
const jobBytes = 950;
/** A further entry of the trail, besides its message. */
const trailEntryBytes = 120;
/** A further object, such as a label, a stored log or a payload, besides its texts. */
const objectBytes = 60;
/** An event or a WORK message that waits for JetStream, or that it may still lose. */
export const factBytes = 700;

/** The slot of a cold job, with its places in the lists of such jobs. */
const coldSlotBytes = 85;
/** The unique key of a cold job, its place in the index of these keys, and the id there. */
const uniqueKeyBytes = 150;
/** Of a unique key with a window, its entry among those that outlast their jobs. */
const windowBytes = 300;

/** Characters outside Latin-1 take two bytes, so a text may take twice this. Inputs are mostly ASCII. */
const textBytes = (text: string | undefined): number => text?.length ?? 0;

function payloadBytes(payload: Payload | undefined): number {
  switch (payload?.kind) {
    case undefined:
    case 'erased':
      return 0;
    case 'json':
      return objectBytes + payload.json.length;
    case 'bytes':
      return objectBytes + payload.base64.length;
    case 'ref':
      return objectBytes + payload.id.length;
    case 'sealed':
      return objectBytes + payload.envelope.length;
    case 'sealed-ref':
      return objectBytes + payload.storedAs.length + payload.summary.length;
  }
}

/** What stays of a job while it is cold, besides its slot. */
export function coldBytes({ unique }: Pick<JobSpec, 'unique'>): number {
  if (unique === undefined) return 0;
  return uniqueKeyBytes + textBytes(unique.key) + (unique.windowMs === undefined ? 0 : windowBytes);
}

/** All that stays of a job while it is cold. */
export function coldJobBytes(spec: Pick<JobSpec, 'unique'>): number {
  return coldSlotBytes + coldBytes(spec);
}

/** The part that never changes. */
export function specBytes(spec: JobSpec): number {
  let bytes = payloadBytes(spec.input) + textBytes(spec.idempotencyKey) + textBytes(spec.unique?.key);
  bytes += textBytes(spec.concurrencyKey) + textBytes(spec.fairnessKey) + textBytes(spec.traceparent);
  for (const [name, value] of Object.entries(spec.labels ?? {})) bytes += objectBytes + name.length + value.length;
  for (const code of spec.retry.nonRetryableCodes ?? []) bytes += objectBytes + code.length;
  return bytes;
}

/** `ofSpec`: the `specBytes` of its job. */
export function recordBytes({ trail, checkpoint, logs, output, failure }: JobRecord, ofSpec: number): number {
  let bytes = jobBytes + ofSpec + payloadBytes(checkpoint?.payload) + payloadBytes(output);
  for (const { message } of trail) bytes += trailEntryBytes + textBytes(message);
  for (const { payload } of logs ?? []) bytes += payloadBytes(payload);
  if (failure === undefined) return bytes;
  bytes += objectBytes + failure.message.length + textBytes(failure.stack) + textBytes(failure.sealed);
  for (const { message } of failure.causes ?? []) bytes += objectBytes + message.length;
  return bytes;
}
