/** What a call of the client rejects with: the status of the gateway, taken apart, or trouble on the way to it. */
import { type ServiceError, status as grpc } from '@grpc/grpc-js';
import { type Detail, type StatusCodec, statusTrailer } from '../contract/error-details.ts';
import type { Status } from '../contract/messages.ts';
import { durationMs } from '../contract/time.ts';
import { type ErrorCode, errorRegistry, type FieldViolation } from '../domain/errors.ts';

/** A code of the gateway (docs/reference/errors.md), or one that only a client can see. */
export type ClientErrorCode = ErrorCode | 'GATEWAY_UNAVAILABLE' | 'UNDECODABLE_ANSWER' | 'UNEXPECTED_STATUS';

export interface ClientErrorFacts {
  readonly code: ClientErrorCode;
  readonly message: string;
  /** Name of the gRPC status. */
  readonly status: string;
  readonly retryable: boolean;
  /** What is known of the effect of the call. */
  readonly outcome: 'none' | 'unknown';
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** What every call of the client rejects with. */
export class TroupeClientError extends Error {
  override readonly name = 'TroupeClientError';
  /** The error code of the contract, such as QUEUE_FULL; see docs/reference/errors.md. */
  readonly code: ClientErrorCode;
  /** The gRPC status. */
  readonly status: string;
  /** The same call may succeed later. */
  readonly retryable: boolean;
  readonly outcome: 'none' | 'unknown';
  /** What the error is about, by name: the job, the queue, the handler. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that are wrong, with the reason for each. */
  readonly violations: readonly FieldViolation[];
  /** When to try again, in ms; absent: the cluster did not say. */
  readonly retryAfterMs: number | undefined;
  /** Names the call in the gateway's log. */
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

/** Of one item of a batch. */
export function errorOfStatus(codec: StatusCodec, status: Status): TroupeClientError {
  return fromDetails(status.code, status.message, codec.unpack(status), {});
}

export function errorOfCall(codec: StatusCodec, error: ServiceError): TroupeClientError {
  // An error made before the call began has no metadata, whatever the types say.
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
 * HTTP/2 itself had no room for the call (ENHANCE_YOUR_CALM): a matter of a moment, and of asking for less. Told apart by the
 * text of grpc-js, for want of anything else: an answer that is too large for this client has the same status.
 */
const calmDetails = 'Bandwidth exhausted or memory limit exceeded';
const calmMs = 1_000;

function refusedStream(error: ServiceError): TroupeClientError {
  return new TroupeClientError({
    code: 'OVERLOADED',
    message: 'the gateway has no room for more calls of this connection',
    status: grpc[grpc.RESOURCE_EXHAUSTED],
    retryable: true,
    outcome: 'unknown',
    retryAfterMs: calmMs,
    cause: error,
  });
}

/** Of somebody else's making they may be anything: then there are none. */
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
    // What the gateway refused outright had no effect; where it is in doubt it says so.
    outcome: metadata['outcome'] === 'unknown' || reason === 'INTERNAL_ERROR' ? 'unknown' : 'none',
    metadata,
    violations: (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    retryAfterMs: durationMs(retryInfo?.retryDelay),
  });
}

/** No word from the gateway itself: the connection, or the library, ended the call, and nobody knows how far it got. */
function withoutDetails(status: number): Pick<ClientErrorFacts, 'code' | 'retryable' | 'outcome'> {
  const known = new Map<number, Pick<ClientErrorFacts, 'code' | 'retryable'>>([
    [grpc.UNAVAILABLE, { code: 'GATEWAY_UNAVAILABLE', retryable: true }],
    // A stream that was reset; the gateway's own internal errors come with details.
    [grpc.INTERNAL, { code: 'GATEWAY_UNAVAILABLE', retryable: true }],
    [grpc.DEADLINE_EXCEEDED, { code: 'CALL_DEADLINE_EXCEEDED', retryable: true }],
    [grpc.CANCELLED, { code: 'CALL_CANCELLED', retryable: false }],
  ]);
  return { ...(known.get(status) ?? { code: 'UNEXPECTED_STATUS', retryable: false }), outcome: 'unknown' };
}

/** Refused here: what was asked cannot be said to a gateway. Never sent. */
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

/** The source of an upload failed: the gateway was not given all of it, and made no job. */
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

/** By the caller's signal, between calls. `outcome`: what is known of the effect of those before. */
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

/** The gateway answered with less than the contract promises. */
export function incompleteAnswer(message: string): TroupeClientError {
  const facts = { code: 'UNEXPECTED_STATUS', status: grpc[grpc.UNKNOWN], retryable: false } as const;
  return new TroupeClientError({ ...facts, message, outcome: 'unknown' });
}

/** The only catch-all: what is none of ours is a bug, of the client or in a value that was handed to it. */
export function clientErrorOf(error: unknown): TroupeClientError {
  if (error instanceof TroupeClientError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const facts = { code: 'INTERNAL_ERROR', status: grpc[grpc.INTERNAL], retryable: false } as const;
  return new TroupeClientError({ ...facts, message, outcome: 'unknown', cause: error });
}

/** The call was never sent. */
export function notConnected(address: string): TroupeClientError {
  return new TroupeClientError({
    code: 'GATEWAY_UNAVAILABLE',
    message: `no gateway answers at ${address}`,
    status: grpc[grpc.UNAVAILABLE],
    retryable: true,
    outcome: 'none',
  });
}

/** What came is no message of the contract, and the same call would bring the same again. */
export function undecodable(cause: unknown): TroupeClientError {
  return new TroupeClientError({
    code: 'UNDECODABLE_ANSWER',
    message: 'the answer of the gateway cannot be read: it may be of another version',
    status: grpc[grpc.INTERNAL],
    retryable: false,
    outcome: 'unknown',
    cause,
  });
}

function isErrorCode(reason: string | undefined): reason is ErrorCode {
  return reason !== undefined && Object.hasOwn(errorRegistry, reason);
}
