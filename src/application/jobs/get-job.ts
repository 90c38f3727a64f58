/** Reads a job with its payloads, from the record or from the payload store. */
import { type GoneReason, payloadsExpireAtMs, payloadsStoredUntilMs } from '../../domain/payload-life.ts';
import type { JobRecord, Payload } from '../../domain/job.ts';
import { holdsIn, type Principal } from '../../domain/access/principal.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { ExplainJob, JobWaiting } from './explain-job.ts';
import type { JobReader } from './job-reader.ts';
import type { RequestPayload } from './job-request.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { JobView } from '../ports/shard-protocol.ts';
import { isDamagedPayload } from '../storage/damaged-payload.ts';
import { given } from '../../domain/given.ts';

/** A larger payload is not in an answer: what holds answers would hold it as a whole. It is read with DownloadPayload. */
export const answeredMaxBytes = 16 * 1_048_576;

interface GonePayload {
  readonly kind: 'gone';
  readonly why: GoneReason;
}

export type OpenedPayload =
  | RequestPayload
  | GonePayload
  | { readonly kind: 'large'; readonly bytes: number }
  /** The caller lacks the permission `payloads.read`. */
  | { readonly kind: 'withheld'; readonly bytes: number };

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

export type GetJob = (context: ReadContext, jobId: string, options?: GetJobOptions) => Promise<FullJob>;

export function createGetJob(parts: GetJobParts): GetJob {
  return async (context, jobId, options) => {
    ensureAwaited(context, parts.clock.nowMs());
    const view = await parts.reader.read(context, jobId);
    const { record } = view;
    const { payloads } = parts;
    const { principal, reserve } = context;
    const nowMs = parts.clock.nowMs();
    const [input, output, waiting] = await Promise.all([
      openInput(payloads, { principal, record, nowMs, reserve }),
      openOutput(payloads, { principal, record, nowMs, reserve }),
      options?.explain === true ? parts.explain(record) : undefined,
    ]);
    return { ...view, input, ...given({ output, waiting }) };
  };
}

interface Showing {
  readonly principal: Principal;
  readonly record: JobRecord;
  readonly nowMs: number;
  readonly reserve: ReadContext['reserve'];
}

function openInput(payloads: PayloadStore, showing: Showing): Promise<OpenedPayload> {
  return openFor(payloads, showing, showing.record.spec.input);
}

export async function openOutput(payloads: PayloadStore, showing: Showing): Promise<OpenedPayload | undefined> {
  const { output } = showing.record;
  return output && openFor(payloads, showing, output);
}

/** What may not be shown is not loaded either. */
async function openFor(
  payloads: PayloadStore,
  { principal, record, nowMs, reserve }: Showing,
  payload: Payload,
): Promise<OpenedPayload> {
  if (holdsIn(principal, 'payloads.read', record.spec.queue))
    return openPayload(payloads, { record, payload, nowMs, reserve });
  const why = payload.kind === 'erased' ? 'erased' : goneSince(record, nowMs);
  return why === undefined ? { kind: 'withheld', bytes: sizeOf(payload) } : { kind: 'gone', why };
}

function sizeOf(payload: Payload): number {
  switch (payload.kind) {
    case 'json':
      return Buffer.byteLength(payload.json);
    case 'bytes':
      return Buffer.byteLength(payload.base64, 'base64');
    case 'ref':
      return payload.bytes;
    case 'erased':
      return 0;
  }
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

/**
 * The payload as the reader of an answer gets it. It never throws for a missing payload; `gone` says why it cannot be
 * shown. A large one is looked up, and not loaded. What will be loaded is reserved first, by the size in the record.
 */
export async function openPayload(
  payloads: PayloadStore,
  opening: Opening & Pick<ReadContext, 'reserve'>,
): Promise<OpenedPayload> {
  const { payload, record, nowMs, reserve } = opening;
  if (payload.kind !== 'ref') return openWhole(payloads, opening);
  const why = goneSince(record, nowMs);
  if (why !== undefined) return { kind: 'gone', why };
  if (payload.bytes <= answeredMaxBytes) {
    reserve(payload.bytes);
    return openWhole(payloads, opening);
  }
  const found = await unlessDamaged(payloads.openPayload(payload.id));
  return found === undefined ? notStored(opening) : { kind: 'large', bytes: found.bytes };
}

/** Loads the payload, however large it is. */
export async function openWhole(payloads: PayloadStore, opening: Opening): Promise<RequestPayload | GonePayload> {
  const { record, payload, nowMs } = opening;
  const why = goneSince(record, nowMs);
  if (why !== undefined) return { kind: 'gone', why };
  if (payload.kind === 'erased') return { kind: 'gone', why: 'erased' };
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  const bytes = await unlessDamaged(payloads.getPayload(payload.id));
  if (!bytes) return notStored(opening);
  return payload.encoding === 'json' ? { kind: 'json', json: Buffer.from(bytes).toString() } : { kind: 'bytes', bytes };
}

/**
 * A payload that is damaged is lost, and a job that has lost one is shown all the same: its end, and why it failed, are in
 * the record.
 */
export async function unlessDamaged<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!isDamagedPayload(error)) throw error;
    return undefined;
  }
}

function notStored({ record, nowMs }: Opening): GonePayload {
  return { kind: 'gone', why: nowMs < payloadsStoredUntilMs(record) ? 'missing' : 'expired' };
}
