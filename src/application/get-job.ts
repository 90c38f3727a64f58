/** A job with its payloads, wherever they lie. */
import type { JobRecord, Payload } from '../domain/job.ts';
import { ensureAwaited } from './call-context.ts';
import type { CallContext } from './call-context.ts';
import { jobNotFound } from './job-reader.ts';
import type { JobReader } from './job-reader.ts';
import type { RequestPayload } from './job-request.ts';
import type { PayloadStore } from './ports/payload-store.ts';
import type { Clock } from './ports/runtime.ts';
import type { JobView } from './shard-protocol.ts';

export interface FullJob extends JobView {
  readonly input?: RequestPayload;
  readonly output?: RequestPayload;
}

export interface GetJobParts {
  readonly reader: JobReader;
  readonly payloads: PayloadStore;
  readonly clock: Clock;
}

export type GetJob = (context: CallContext, jobId: string) => Promise<FullJob>;

export function createGetJob(parts: GetJobParts): GetJob {
  return async (context, jobId) => {
    ensureAwaited(context, parts.clock.nowMs());
    const view = await parts.reader.read(context.tenant, jobId);
    const { record } = view;
    const [input, output] = await Promise.all([openInput(parts.payloads, record), openOutput(parts.payloads, record)]);
    return { ...view, input, ...(output && { output }) };
  };
}

export function openInput(payloads: PayloadStore, record: JobRecord): Promise<RequestPayload> {
  return openPayload(payloads, record, record.spec.input);
}

export async function openOutput(payloads: PayloadStore, record: JobRecord): Promise<RequestPayload | undefined> {
  return record.output && openPayload(payloads, record, record.output);
}

async function openPayload(payloads: PayloadStore, record: JobRecord, payload: Payload): Promise<RequestPayload> {
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  const bytes = await payloads.getPayload(payload.id);
  // A reference is never dangling before the retention is over.
  if (!bytes) throw jobNotFound(record.id);
  return payload.encoding === 'json' ? { kind: 'json', json: Buffer.from(bytes).toString() } : { kind: 'bytes', bytes };
}
