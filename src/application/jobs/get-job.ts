/** Reads a job with its payloads, from the record or from the payload store. */
import { type GoneReason, payloadsExpireAtMs, payloadsStoredUntilMs } from '../../domain/payload-life.ts';
import { TroupeError } from '../../domain/errors.ts';
import { isSealed, type JobRecord, type Payload } from '../../domain/job.ts';
import { holdsIn, type Principal } from '../../domain/access/principal.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { ExplainJob, JobWaiting } from './explain-job.ts';
import type { JobReader } from './job-reader.ts';
import type { RequestPayload } from './job-request.ts';
import type { PayloadStore, StoredPayload } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { JobView } from '../ports/shard-protocol.ts';
import type { SealKind } from '../sealing/envelope.ts';
import { payloadOwner } from '../sealing/job-seals.ts';
import { inMemory, openSealed, openSealedParts } from '../sealing/sealed-payloads.ts';
import { noSealing, type Sealing } from '../sealing/sealing.ts';
import { isDamagedPayload } from '../storage/damaged-payload.ts';
import { given } from '../../domain/given.ts';

/** A larger payload is not in an answer: what holds answers would hold it as a whole. It is read with DownloadPayload. */
export const answeredMaxBytes = 16 * 1_048_576;

export interface GonePayload<Why = GoneReason | 'keys-away'> {
  readonly kind: 'gone';
  readonly why: Why;
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

/** Where payloads are, and what opens those that are sealed. */
export interface PayloadSource {
  readonly payloads: PayloadStore;
  /** Default: nothing sealed can be opened. */
  readonly sealing?: Sealing;
}

export interface GetJobParts extends PayloadSource {
  readonly reader: JobReader;
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
    const { principal, reserve } = context;
    const nowMs = parts.clock.nowMs();
    const explains = options?.explain === true;
    const showing = { principal, record, nowMs, reserve };
    const [input, output, waiting] = await Promise.all([
      unlessKeysAway(explains, openInput(parts, showing)),
      unlessKeysAway(explains, openOutput(parts, showing)),
      explains ? parts.explain(view) : undefined,
    ]);
    return { ...view, input, ...given({ output, waiting }) };
  };
}

/** Who asks why a job waits is not answered that its keys are away by nothing but an error. */
export async function unlessKeysAway<T>(explains: boolean, opened: Promise<T>): Promise<T | GonePayload> {
  try {
    return await opened;
  } catch (error) {
    const isAway = error instanceof TroupeError && error.code === 'ENCRYPTION_UNAVAILABLE';
    if (!explains || !isAway) throw error;
    return { kind: 'gone', why: 'keys-away' };
  }
}

interface Showing {
  readonly principal: Principal;
  readonly record: JobRecord;
  readonly nowMs: number;
  readonly reserve: ReadContext['reserve'];
}

export function openInput(source: PayloadSource, showing: Showing): Promise<OpenedPayload> {
  return openFor(source, showing, { payload: showing.record.spec.input, kind: 'input' });
}

export async function openOutput(source: PayloadSource, showing: Showing): Promise<OpenedPayload | undefined> {
  const { output } = showing.record;
  return output && openFor(source, showing, { payload: output, kind: 'output' });
}

/** What may not be shown is not loaded either. */
async function openFor(
  source: PayloadSource,
  { principal, record, nowMs, reserve }: Showing,
  { payload, kind }: Pick<Opening, 'payload' | 'kind'>,
): Promise<OpenedPayload> {
  if (holdsIn(principal, 'payloads.read', record.spec.queue))
    return openPayload(source, { record, payload, kind, nowMs, reserve });
  const why = payload.kind === 'erased' ? 'erased' : goneSince(record, nowMs);
  return why === undefined ? { kind: 'withheld', bytes: sizeOf(payload) } : { kind: 'gone', why };
}

export function sizeOf(payload: Payload): number {
  switch (payload.kind) {
    case 'json':
      return Buffer.byteLength(payload.json);
    case 'bytes':
      return Buffer.byteLength(payload.base64, 'base64');
    case 'ref':
    case 'sealed':
    case 'sealed-ref':
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
  /** What it is sealed as. */
  readonly kind: SealKind;
  readonly nowMs: number;
}

/**
 * The payload as the reader of an answer gets it. It never throws for a missing payload; `gone` says why it cannot be
 * shown. A large one is looked up, and not loaded. What will be loaded is reserved first, by the size in the record.
 */
export async function openPayload(
  source: PayloadSource,
  opening: Opening & Pick<ReadContext, 'reserve'>,
): Promise<OpenedPayload> {
  const { payload, record, nowMs, reserve } = opening;
  if (payload.kind !== 'ref' && payload.kind !== 'sealed-ref') return openWhole(source, opening);
  const why = goneSince(record, nowMs);
  if (why !== undefined) return { kind: 'gone', why };
  if (payload.bytes <= answeredMaxBytes) {
    reserve(payload.bytes);
    return openWhole(source, opening);
  }
  const found = await unlessDamaged(openParts(source, { record, payload, kind: opening.kind }));
  return found === undefined ? notStored(opening) : { kind: 'large', bytes: found.bytes };
}

/** Loads the payload, however large it is. */
export async function openWhole(
  source: PayloadSource,
  opening: Opening,
): Promise<RequestPayload | GonePayload<GoneReason>> {
  const { record, payload, kind, nowMs } = opening;
  const { payloads, sealing = noSealing } = source;
  const why = goneSince(record, nowMs);
  if (why !== undefined) return { kind: 'gone', why };
  if (payload.kind === 'erased') return { kind: 'gone', why: 'erased' };
  if (payload.kind === 'json') return payload;
  if (payload.kind === 'bytes') return { kind: 'bytes', bytes: Buffer.from(payload.base64, 'base64') };
  if (isSealed(payload)) {
    const opened = openSealed({ payloads, sealing }, payloadOwner(record, kind), payload);
    return (await unlessDamaged(opened)) ?? notStored(opening);
  }
  const bytes = await unlessDamaged(payloads.getPayload(payload.id));
  if (!bytes) return notStored(opening);
  return payload.encoding === 'json' ? { kind: 'json', json: Buffer.from(bytes).toString() } : { kind: 'bytes', bytes };
}

/** For reading piece by piece. Undefined if it is not in the payload store any more. */
export async function openParts(
  { payloads, sealing = noSealing }: PayloadSource,
  { record, payload, kind }: Omit<Opening, 'nowMs'>,
): Promise<StoredPayload | undefined> {
  switch (payload.kind) {
    case 'ref':
      return payloads.openPayload(payload.id);
    case 'sealed':
    case 'sealed-ref':
      return openSealedParts({ payloads, sealing }, payloadOwner(record, kind), payload);
    case 'erased':
      return undefined;
    case 'json':
      return inMemory(Buffer.from(payload.json));
    case 'bytes':
      return inMemory(Buffer.from(payload.base64, 'base64'));
  }
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

function notStored({ record, nowMs }: Opening): GonePayload<GoneReason> {
  return { kind: 'gone', why: nowMs < payloadsStoredUntilMs(record) ? 'missing' : 'expired' };
}
