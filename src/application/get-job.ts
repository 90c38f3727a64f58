/** A job with its payloads, wherever they lie. */
import type { GoneReason } from '../domain/erasure.ts';
import type { JobRecord, Payload } from '../domain/job.ts';
import { ensureAwaited } from './call-context.ts';
import type { CallContext } from './call-context.ts';
import type { JobReader } from './job-reader.ts';
import type { RequestPayload } from './job-request.ts';
import type { PayloadStore } from './ports/payload-store.ts';
import type { Clock } from './ports/runtime.ts';
import type { JobView } from './shard-protocol.ts';

export type OpenedPayload = RequestPayload | { readonly kind: 'gone'; readonly why: GoneReason };

export interface FullJob extends JobView {
  readonly input?: OpenedPayload;
  readonly output?: OpenedPayload;
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

export function openInput(payloads: PayloadStore, record: JobRecord): Promise<OpenedPayload> {
  return openPayload(payloads, record.spec.input);
}

export async function openOutput(payloads: PayloadStore, record: JobRecord): Promise<OpenedPayload | undefined> {
  return record.output && openPayload(payloads, record.output);
}

async function openPayload(payloads: PayloadStore, payload: Payload): Promise<OpenedPayload> {
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  if (payload.kind === 'erased') return { kind: 'gone', why: 'erased' };
  const bytes = await payloads.getPayload(payload.id);
  if (!bytes) return { kind: 'gone', why: 'missing' };
  return payload.encoding === 'json' ? { kind: 'json', json: Buffer.from(bytes).toString() } : { kind: 'bytes', bytes };
}
