/** Reads a job with its payloads, from the record or from the payload store. */
import { type GoneReason, payloadsExpireAtMs, payloadsStoredUntilMs } from '../../domain/payload-life.ts';
import type { JobRecord, Payload } from '../../domain/job.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { ExplainJob, JobWaiting } from './explain-job.ts';
import type { JobReader } from './job-reader.ts';
import type { RequestPayload } from './job-request.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { JobView } from '../ports/shard-protocol.ts';
import { given } from '../../domain/given.ts';

export type OpenedPayload = RequestPayload | { readonly kind: 'gone'; readonly why: GoneReason };

export interface FullJob extends JobView {
  readonly input?: OpenedPayload;
  readonly output?: OpenedPayload;
  /** Present only if it was requested and the job is waiting. */
  readonly waiting?: JobWaiting;
}

export interface GetJobParts {
  readonly reader: JobReader;
  readonly payloads: PayloadStore;
  readonly explain: ExplainJob;
  readonly clock: Clock;
}

interface GetJobOptions {
  /** Whether to explain why a waiting job is not running. */
  readonly explain: boolean;
}

export type GetJob = (context: CallContext, jobId: string, options?: GetJobOptions) => Promise<FullJob>;

export function createGetJob(parts: GetJobParts): GetJob {
  return async (context, jobId, options) => {
    ensureAwaited(context, parts.clock.nowMs());
    const view = await parts.reader.read(context.tenant, jobId);
    const { record } = view;
    const { payloads } = parts;
    const nowMs = parts.clock.nowMs();
    const [input, output, waiting] = await Promise.all([
      openInput(payloads, record, nowMs),
      openOutput(payloads, record, nowMs),
      options?.explain === true ? parts.explain(record) : undefined,
    ]);
    return { ...view, input, ...given({ output, waiting }) };
  };
}

export function openInput(payloads: PayloadStore, record: JobRecord, nowMs: number): Promise<OpenedPayload> {
  return openPayload(payloads, { record, payload: record.spec.input, nowMs });
}

export async function openOutput(
  payloads: PayloadStore,
  record: JobRecord,
  nowMs: number,
): Promise<OpenedPayload | undefined> {
  return record.output && openPayload(payloads, { record, payload: record.output, nowMs });
}

/** Decides by the record alone. Undefined while the payloads should exist. */
export function goneSince(record: JobRecord, nowMs: number): GoneReason | undefined {
  if (record.payloadsErasedAtMs !== undefined) return 'erased';
  return nowMs >= (payloadsExpireAtMs(record) ?? Infinity) ? 'expired' : undefined;
}

interface Opening {
  readonly record: JobRecord;
  readonly payload: Payload;
  readonly nowMs: number;
}

/** The payload as the reader gets it. It never throws for a missing payload; `gone` says why it cannot be shown. */
export async function openPayload(payloads: PayloadStore, { record, payload, nowMs }: Opening): Promise<OpenedPayload> {
  const why = goneSince(record, nowMs);
  if (why !== undefined) return { kind: 'gone', why };
  if (payload.kind === 'erased') return { kind: 'gone', why: 'erased' };
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  const bytes = await payloads.getPayload(payload.id);
  if (!bytes) return { kind: 'gone', why: nowMs < payloadsStoredUntilMs(record) ? 'missing' : 'expired' };
  return payload.encoding === 'json' ? { kind: 'json', json: Buffer.from(bytes).toString() } : { kind: 'bytes', bytes };
}
