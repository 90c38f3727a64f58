/**
 * What a job keeps in the store and beside it, as quotas count it. The record counts with a flat size, because it is
 * written again with each transition and its true size is in no record. What the job carries counts with its own size:
 * input, checkpoint, logs and output, as their owners know it. Parts, checksums, copies and compression are the store's.
 */
import { besidesInputBytes, inputBytes } from './job-brief.ts';
import type { JobRecord } from './job.ts';
import { payloadsStoredUntilMs } from './payload-life.ts';
import { goneAtMs } from './record-life.ts';

/** Of each record, whatever is in it, but for what it carries. */
export const recordStoredBytes = 1_024;

export function storedBytes(bytes: { readonly input: number; readonly besides: number }): number {
  return recordStoredBytes + bytes.input + bytes.besides;
}

/** Bytes that are stored until then. */
export interface KeptPart {
  readonly bytes: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What an ended job keeps: its record, and what it carries, which may go earlier. */
export function keptParts(record: JobRecord): readonly KeptPart[] {
  const { finishedAtMs, updatedAtMs, spec } = record;
  const fromMs = finishedAtMs ?? updatedAtMs;
  const goneMs = goneAtMs(record);
  const carried = inputBytes(spec.input) + besidesInputBytes(record);
  const carriedUntilMs = spec.payloadRetentionMs === undefined ? goneMs : payloadsStoredUntilMs(record);
  return [
    { bytes: recordStoredBytes, fromMs, untilMs: goneMs },
    { bytes: carried, fromMs, untilMs: carriedUntilMs },
  ].filter(({ bytes }) => bytes > 0);
}
