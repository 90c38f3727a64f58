/**
 * Ids of traces and spans. They follow from the id of the job, so whoever knows a job knows its trace, and a handler has the
 * parent of its spans before that span exists.
 */
import { createHash } from 'node:crypto';

const flagSampled = 1;

/** What the node that starts a job sees of its trace. */
export interface TracedJob {
  readonly jobId: string;
  /** W3C traceparent of the submitter. Absent if it sent none. */
  readonly traceparent?: string | undefined;
}

export function traceIdOf(jobId: string): string {
  return digest(`trace ${jobId}`, 16);
}

/** The span that says that the job was created. */
export function rootSpanIdOf(jobId: string): string {
  return digest(`create ${jobId}`, 8);
}

export function attemptSpanIdOf(jobId: string, attempt: number): string {
  return digest(`process ${attempt} ${jobId}`, 8);
}

/** Where a traceparent points to. Undefined for an absent one; gateways accept well-formed ones only. */
export function callerOf(
  traceparent: string | undefined,
): { readonly traceId: string; readonly spanId: string } | undefined {
  const [, traceId, spanId] = traceparent?.split('-') ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

/**
 * Whether all spans of the job are kept. The flag of the submitter decides; without one, `ratio` of all jobs, by the last 56
 * bits of the trace id, so that every node decides alike.
 */
export function isSampled({ jobId, traceparent }: TracedJob, ratio: number): boolean {
  if (traceparent !== undefined) return (Number.parseInt(traceparent.slice(-2), 16) & flagSampled) === flagSampled;
  return Number.parseInt(traceIdOf(jobId).slice(-14), 16) >= (1 - ratio) * 2 ** 56;
}

/** The traceparent that an attempt hands to its handler. */
export function traceparentOfAttempt(job: TracedJob, attempt: number, ratio: number): string {
  const flags = isSampled(job, ratio) ? '01' : '00';
  return `00-${traceIdOf(job.jobId)}-${attemptSpanIdOf(job.jobId, attempt)}-${flags}`;
}

function digest(text: string, bytes: number): string {
  return createHash('sha256')
    .update(`troupe ${text}`)
    .digest('hex')
    .slice(0, 2 * bytes);
}
