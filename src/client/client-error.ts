/** The errors of the client: a status from the gateway with its details, or a problem between client and gateway. */
import { type ServiceError, status as grpc } from '@grpc/grpc-js';
import { type Detail, type StatusCodec, statusTrailer } from '../contract/error-details.ts';
import type { Status } from '../contract/messages.ts';
import { durationMs } from '../contract/time.ts';
import { type ErrorCode, errorRegistry, type FieldViolation } from '../domain/errors.ts';

/**
 * An error code of the gateway (docs/reference/errors.md), or one of these that only a client can detect:
 *
 * - GATEWAY_UNAVAILABLE: no gateway could be reached, or the connection was lost during the call.
 * - UNDECODABLE_ANSWER: the answer cannot be decoded; the gateway may have another version.
 * - CODEC_FAILED: the codec of `connect` cannot encode an input, or decode what came.
 * - UNEXPECTED_STATUS: a status without the details of the contract, or an incomplete answer.
 */
export type ClientErrorCode =
  ErrorCode | 'GATEWAY_UNAVAILABLE' | 'UNDECODABLE_ANSWER' | 'CODEC_FAILED' | 'UNEXPECTED_STATUS';

/** What a client error is made of. */
export interface ClientErrorFacts {
  readonly code: ClientErrorCode;
  readonly message: string;
  /** Name of the gRPC status. */
  readonly status: string;
  readonly retryable: boolean;
  /** `none`: the call certainly had no effect. `unknown`: it may have been carried out. */
  readonly outcome: 'none' | 'unknown';
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** The error that every call of the client rejects with. */
export class TroupeClientError extends Error {
  override readonly name = 'TroupeClientError';
  /** The error code, such as QUEUE_FULL. docs/reference/errors.md has all. */
  readonly code: ClientErrorCode;
  /** Name of the gRPC status, such as UNAVAILABLE. */
  readonly status: string;
  /** True if the same call may succeed later. */
  readonly retryable: boolean;
  /** `none`: the call certainly had no effect. `unknown`: it may have been carried out. */
  readonly outcome: 'none' | 'unknown';
  /** What the error refers to, by name: the job, the queue, the handler. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The invalid fields with their reasons. Empty if the error is not about fields. */
  readonly violations: readonly FieldViolation[];
  /** How long to wait before a retry, in ms. Absent if the cluster did not say. */
  readonly retryAfterMs: number | undefined;
  /** Identifies the call in the gateway's log. Absent if no gateway answered. */
  readonly requestId: string | undefined;

  constructor(facts: ClientErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status;
    this.retryable = facts.retryable;
    this.outcome = facts.outcome;
    this.metadata = facts.metadata ?? {};
    this.violations = facts.violations ?? [];
    this.retryAfterMs = facts.retryAfterMs;
    this.requestId = facts.requestId;
  }
}

/** The error of one item of a batch. */
export function errorOfStatus(codec: StatusCodec, status: Status): TroupeClientError {
  return fromDetails(status.code, status.message, codec.unpack(status), {});
}

export function errorOfCall(codec: StatusCodec, error: ServiceError): TroupeClientError {
  // An error from before the start of the call has no metadata, although the type says so.
  const metadata = error.metadata as ServiceError['metadata'] | undefined;
  const trailer = metadata?.get(statusTrailer)[0];
  const requestId = metadata?.get('x-request-id')[0];
  const details = trailer instanceof Buffer ? readDetails(codec, trailer) : [];
  if (error.code === grpc.RESOURCE_EXHAUSTED && error.details === calmDetails) return refusedStream(error);
  return fromDetails(error.code, error.details, details, {
    requestId: typeof requestId === 'string' ? requestId : undefined,
    cause: error,
  });
}

/**
 * HTTP/2 refused the call (ENHANCE_YOUR_CALM). It helps to wait a moment and to send less. Only the text of grpc-js
 * distinguishes this, because an answer that is too large for this client has the same status.
 */
const calmDetails = 'Bandwidth exhausted or memory limit exceeded';
const calmMs = 1_000;

function refusedStream(error: ServiceError): TroupeClientError {
  return new TroupeClientError({
    code: 'OVERLOADED',
    message: 'the gateway accepts no more calls on this connection at the moment',
    status: grpc[grpc.RESOURCE_EXHAUSTED],
    retryable: true,
    outcome: 'unknown',
    retryAfterMs: calmMs,
    cause: error,
  });
}

/** Reads the details of a status. A proxy may put anything there; details that cannot be decoded count as none. */
function readDetails(codec: StatusCodec, trailer: Buffer): readonly Detail[] {
  try {
    return codec.unpack(codec.status.decode(trailer));
  } catch {
    return [];
  }
}

function fromDetails(
  status: number,
  message: string,
  details: readonly Detail[],
  more: Pick<ClientErrorFacts, 'requestId' | 'cause'>,
): TroupeClientError {
  const facts = { message, status: grpc[status] ?? 'UNKNOWN', ...more };
  const info = details.find((detail) => detail.name === 'ErrorInfo')?.value;
  const reason = info?.reason;
  if (!info || !isErrorCode(reason)) return new TroupeClientError({ ...facts, ...withoutDetails(status) });
  const retryInfo = details.find((detail) => detail.name === 'RetryInfo')?.value;
  const badRequest = details.find((detail) => detail.name === 'BadRequest')?.value;
  const { metadata } = info;
  return new TroupeClientError({
    ...facts,
    code: reason,
    retryable: errorRegistry[reason].retryable,
    // A refused call had no effect. If the gateway is not sure, it says so.
    outcome: metadata['outcome'] === 'unknown' || reason === 'INTERNAL_ERROR' ? 'unknown' : 'none',
    metadata,
    violations: (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    retryAfterMs: durationMs(retryInfo?.retryDelay),
  });
}

/**
 * The connection or the library ended the call, and the gateway sent no details. So we do not know how far the call
 * got.
 */
function withoutDetails(status: number): Pick<ClientErrorFacts, 'code' | 'retryable' | 'outcome'> {
  const known = new Map<number, Pick<ClientErrorFacts, 'code' | 'retryable'>>([
    [grpc.UNAVAILABLE, { code: 'GATEWAY_UNAVAILABLE', retryable: true }],
    // A stream was reset. The gateway's own internal errors have details.
    [grpc.INTERNAL, { code: 'GATEWAY_UNAVAILABLE', retryable: true }],
    [grpc.DEADLINE_EXCEEDED, { code: 'CALL_DEADLINE_EXCEEDED', retryable: true }],
    [grpc.CANCELLED, { code: 'CALL_CANCELLED', retryable: false }],
  ]);
  return { ...(known.get(status) ?? { code: 'UNEXPECTED_STATUS', retryable: false }), outcome: 'unknown' };
}

/** The client refuses the call, because the request cannot be encoded for the wire. Nothing was sent. */
export function notSayable(
  code: 'INVALID_JOB_SPEC' | 'INVALID_ARGUMENT',
  violations: readonly FieldViolation[],
  cause?: unknown,
): TroupeClientError {
  const { message, retryable } = errorRegistry[code];
  return new TroupeClientError({
    code,
    message,
    retryable,
    violations,
    cause,
    status: grpc[grpc.INVALID_ARGUMENT],
    outcome: 'none',
  });
}

/** The source of an upload failed. The gateway did not get the whole input and created no job. */
export function unreadable(cause: unknown): TroupeClientError {
  const description = cause instanceof Error ? cause.message : String(cause);
  return new TroupeClientError({
    code: 'INVALID_ARGUMENT',
    message: `the input cannot be read: ${description}`,
    retryable: false,
    cause,
    status: grpc[grpc.INVALID_ARGUMENT],
    outcome: 'none',
    violations: [{ field: 'source', description }],
  });
}

/** The caller's signal was aborted between two tries. `outcome` is what is known about the earlier tries. */
export function cancelledBy(
  signal: AbortSignal | undefined,
  outcome: ClientErrorFacts['outcome'] = 'none',
): TroupeClientError {
  return new TroupeClientError({
    code: 'CALL_CANCELLED',
    message: errorRegistry.CALL_CANCELLED.message,
    retryable: false,
    status: grpc[grpc.CANCELLED],
    outcome,
    cause: signal?.reason,
  });
}

/** The gateway's answer lacks something that the contract promises. */
export function incompleteAnswer(message: string): TroupeClientError {
  const facts = { code: 'UNEXPECTED_STATUS', status: grpc[grpc.UNKNOWN], retryable: false } as const;
  return new TroupeClientError({ ...facts, message, outcome: 'unknown' });
}

/** Translates any error. One that is not ours is a bug of the client, or of a value that was passed to it. */
export function clientErrorOf(error: unknown): TroupeClientError {
  if (error instanceof TroupeClientError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const facts = { code: 'INTERNAL_ERROR', status: grpc[grpc.INTERNAL], retryable: false } as const;
  return new TroupeClientError({ ...facts, message, outcome: 'unknown', cause: error });
}

/** No gateway could be reached. The call was not sent. */
export function notConnected(address: string): TroupeClientError {
  return new TroupeClientError({
    code: 'GATEWAY_UNAVAILABLE',
    message: `no gateway answers at ${address}`,
    status: grpc[grpc.UNAVAILABLE],
    retryable: true,
    outcome: 'none',
  });
}

/** The answer cannot be decoded. The same call would get the same answer, so it is not retryable. */
export function undecodable(cause: unknown): TroupeClientError {
  return new TroupeClientError({
    code: 'UNDECODABLE_ANSWER',
    message: 'the answer of the gateway cannot be decoded; client and gateway may have different versions',
    status: grpc[grpc.INTERNAL],
    retryable: false,
    outcome: 'unknown',
    cause,
  });
}

function isErrorCode(reason: string | undefined): reason is ErrorCode {
  return reason !== undefined && Object.hasOwn(errorRegistry, reason);
}
