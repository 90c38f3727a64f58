/**
 * The only place that knows gRPC status codes. Every error becomes one status with `google.rpc` details, in the trailer
 * `grpc-status-details-bin` or as the outcome of one item of a batch. Internal causes appear in the log only.
 */
import { Metadata, status as grpc } from '@grpc/grpc-js';
import type { Init } from '../contract/codec.ts';
import { type Detail, errorDomain, type StatusCodec, statusTrailer } from '../contract/error-details.ts';
import type { Status } from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';
import { type ErrorCode, TroupeError } from '../domain/errors.ts';

/** Resources that the metadata of an error can name. */
type Resource = 'job' | 'queue' | 'node' | 'actor' | 'service-account' | 'api-key' | 'tenant' | 'subscription';
const resourceKeys = {
  job: 'jobId',
  queue: 'queue',
  node: 'node',
  actor: 'path',
  'service-account': 'account',
  'api-key': 'keyId',
  tenant: 'tenant',
  subscription: 'subscription',
} as const satisfies Record<Resource, string>;

/** The detail that complements ErrorInfo. RetryInfo is added whenever a retry makes sense. */
type Extra = 'field' | Resource | 'precondition' | 'quota' | 'request' | 'none';

interface Mapping {
  readonly status: grpc;
  readonly extra: Extra;
  /** The delay before a retry, if the error itself names none. */
  readonly retryAfterMs?: number;
  /** Whether the call had an effect: `none` or `unknown`. Undefined if the error code alone says it. */
  readonly outcome?: 'none' | 'unknown';
}

export const statusTable = {
  INVALID_JOB_SPEC: { status: grpc.INVALID_ARGUMENT, extra: 'field' },
  INVALID_ARGUMENT: { status: grpc.INVALID_ARGUMENT, extra: 'field' },
  // Not RESOURCE_EXHAUSTED, because clients retry that.
  PAYLOAD_TOO_LARGE: { status: grpc.INVALID_ARGUMENT, extra: 'field' },
  // Depends on what is deployed: it may succeed in a minute, but not at once.
  UNKNOWN_HANDLER: { status: grpc.FAILED_PRECONDITION, extra: 'precondition' },
  QUEUE_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'queue' },
  QUEUE_EXISTS: { status: grpc.ALREADY_EXISTS, extra: 'queue' },
  QUEUE_NOT_EMPTY: { status: grpc.FAILED_PRECONDITION, extra: 'queue' },
  // Temporary: the queue will soon be gone, or open again.
  QUEUE_CLOSING: { status: grpc.UNAVAILABLE, extra: 'queue', retryAfterMs: 500, outcome: 'none' },
  QUEUE_VERSION_CONFLICT: { status: grpc.ABORTED, extra: 'queue', retryAfterMs: 100 },
  JOB_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'job' },
  IDEMPOTENCY_KEY_REUSED: { status: grpc.ALREADY_EXISTS, extra: 'job' },
  UNIQUE_KEY_TAKEN: { status: grpc.ALREADY_EXISTS, extra: 'job' },
  REPLACEMENT_PENDING: { status: grpc.ABORTED, extra: 'job', retryAfterMs: 1_000, outcome: 'none' },
  PAYLOAD_GONE: { status: grpc.FAILED_PRECONDITION, extra: 'precondition' },
  NO_PAYLOAD_LINK: { status: grpc.FAILED_PRECONDITION, extra: 'precondition' },
  JOB_STATE_FORBIDS: { status: grpc.FAILED_PRECONDITION, extra: 'precondition' },
  RUN_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'job' },
  PROFILE_BUSY: { status: grpc.RESOURCE_EXHAUSTED, extra: 'none', retryAfterMs: 5_000, outcome: 'none' },
  NODE_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'node' },
  NODE_SILENT: { status: grpc.UNAVAILABLE, extra: 'node', retryAfterMs: 1_000, outcome: 'none' },
  ACTOR_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'actor' },
  NO_CREDENTIALS: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  AMBIGUOUS_CREDENTIALS: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  TOKEN_INVALID: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  TOKEN_EXPIRED: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  CERTIFICATE_INVALID: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  // The next connection may show a new one, and a stream goes on there.
  CERTIFICATE_EXPIRED: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  KEY_REVOKED: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  KEY_ROTATED: { status: grpc.UNAUTHENTICATED, extra: 'none' },
  // A stream goes on from its last resume token.
  ACCESS_CHANGED: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 100, outcome: 'none' },
  // Not UNAUTHENTICATED: the caller should keep its token and come back.
  ISSUER_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  PERMISSION_MISSING: { status: grpc.PERMISSION_DENIED, extra: 'none' },
  // Refused before anything was done.
  AUDIT_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  SERVICE_ACCOUNT_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'service-account' },
  SERVICE_ACCOUNT_EXISTS: { status: grpc.ALREADY_EXISTS, extra: 'service-account' },
  SERVICE_ACCOUNT_CHANGED: { status: grpc.ABORTED, extra: 'service-account', retryAfterMs: 100 },
  API_KEY_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'api-key' },
  API_KEY_ENDED: { status: grpc.FAILED_PRECONDITION, extra: 'api-key' },
  TOO_MANY_API_KEYS: { status: grpc.FAILED_PRECONDITION, extra: 'service-account' },
  // Not RESOURCE_EXHAUSTED, because waiting does not help: something has to be deleted first.
  LIMIT_REACHED: { status: grpc.FAILED_PRECONDITION, extra: 'quota' },
  TENANT_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'tenant' },
  TENANT_EXISTS: { status: grpc.ALREADY_EXISTS, extra: 'tenant' },
  TENANT_CHANGED: { status: grpc.ABORTED, extra: 'tenant', retryAfterMs: 100 },
  // Not UNAVAILABLE, because it may last for days, until an administrator ends it: clients would ask again and again.
  TENANT_PAUSED: { status: grpc.FAILED_PRECONDITION, extra: 'tenant' },
  TENANT_DELETING: { status: grpc.FAILED_PRECONDITION, extra: 'tenant' },
  QUOTA_EXCEEDED: { status: grpc.RESOURCE_EXHAUSTED, extra: 'quota', retryAfterMs: 1_000, outcome: 'none' },
  SUBSCRIPTION_NOT_FOUND: { status: grpc.NOT_FOUND, extra: 'subscription' },
  SUBSCRIPTION_EXISTS: { status: grpc.ALREADY_EXISTS, extra: 'subscription' },
  INVALID_PAGE_TOKEN: { status: grpc.INVALID_ARGUMENT, extra: 'field' },
  INVALID_RESUME_TOKEN: { status: grpc.INVALID_ARGUMENT, extra: 'field' },
  BACKLOG_FULL: { status: grpc.RESOURCE_EXHAUSTED, extra: 'quota', retryAfterMs: 1_000, outcome: 'none' },
  QUEUE_FULL: { status: grpc.RESOURCE_EXHAUSTED, extra: 'quota', retryAfterMs: 1_000, outcome: 'none' },
  WOULD_BE_LATE: { status: grpc.RESOURCE_EXHAUSTED, extra: 'quota', retryAfterMs: 1_000, outcome: 'none' },
  OVERLOADED: { status: grpc.RESOURCE_EXHAUSTED, extra: 'quota', retryAfterMs: 100, outcome: 'none' },
  SHARD_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 500, outcome: 'none' },
  STORE_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  BROKER_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  ENCRYPTION_UNAVAILABLE: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 1_000, outcome: 'none' },
  OUTCOME_UNKNOWN: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 500, outcome: 'unknown' },
  SHUTTING_DOWN: { status: grpc.UNAVAILABLE, extra: 'none', retryAfterMs: 100, outcome: 'none' },
  CALL_DEADLINE_EXCEEDED: { status: grpc.DEADLINE_EXCEEDED, extra: 'none' },
  CALL_CANCELLED: { status: grpc.CANCELLED, extra: 'none' },
  INTERNAL_ERROR: { status: grpc.INTERNAL, extra: 'request' },
} as const satisfies Record<ErrorCode, Mapping>;

/** Whether a call failed because of who its caller is, or because that is not known. */
export function refusesCaller(code: ErrorCode): boolean {
  const { status } = statusTable[code];
  return status === grpc.UNAUTHENTICATED || status === grpc.PERMISSION_DENIED;
}

/** Names of the details of an error with this code, for the reference. */
export function detailsNamed(code: ErrorCode): readonly string[] {
  return detailsOf(new TroupeError(code), statusTable[code], '').map((detail) => detail.name);
}

export interface GrpcFailure {
  readonly code: grpc;
  readonly details: string;
  readonly metadata: Metadata;
}

export interface StatusMapper {
  toStatus(error: TroupeError, requestId: string): Init<Status>;
  toFailure(error: TroupeError, requestId: string): GrpcFailure;
}

export function createStatusMapper(codec: StatusCodec): StatusMapper {
  function toStatus(error: TroupeError, requestId: string): Init<Status> {
    const mapping: Mapping = statusTable[error.code];
    const details = detailsOf(error, mapping, requestId);
    return codec.pack({ code: mapping.status, message: error.message, details });
  }
  return {
    toStatus,
    toFailure(error, requestId) {
      const metadata = new Metadata();
      metadata.set('x-request-id', requestId);
      metadata.set(statusTrailer, codec.status.encode(toStatus(error, requestId)));
      // A header must be well-formed UTF-8.
      return { code: statusTable[error.code].status, details: error.message.toWellFormed(), metadata };
    },
  };
}

function detailsOf(error: TroupeError, mapping: Mapping, requestId: string): readonly Detail[] {
  const outcome = mapping.outcome === undefined ? {} : { outcome: mapping.outcome };
  const metadata = error.code === 'INTERNAL_ERROR' ? {} : { ...outcome, ...error.metadata };
  const details: Detail[] = [{ name: 'ErrorInfo', value: { reason: error.code, domain: errorDomain, metadata } }];
  const retryAfterMs = error.retryAfterMs ?? mapping.retryAfterMs;
  if (retryAfterMs !== undefined) details.push({ name: 'RetryInfo', value: { retryDelay: toTime(retryAfterMs) } });
  const extra = extraOf(error, mapping.extra, requestId);
  return extra ? [...details, extra] : details;
}

function extraOf(error: TroupeError, extra: Extra, requestId: string): Detail | undefined {
  const { message: description, metadata } = error;
  const { jobId = '', queue = '', handler } = metadata as Partial<Record<'jobId' | 'queue' | 'handler', string>>;
  switch (extra) {
    case 'field':
      return { name: 'BadRequest', value: { fieldViolations: error.violations } };
    case 'job':
    case 'queue':
    case 'node':
    case 'actor':
    case 'service-account':
    case 'api-key':
    case 'tenant':
    case 'subscription': {
      const resourceName = metadata[resourceKeys[extra]] ?? '';
      return { name: 'ResourceInfo', value: { resourceType: extra, resourceName, description } };
    }
    case 'precondition': {
      const violation = { type: error.code, subject: handler ?? jobId, description };
      return { name: 'PreconditionFailure', value: { violations: [violation] } };
    }
    case 'quota':
      return {
        name: 'QuotaFailure',
        value: { violations: [{ subject: queue === '' ? 'gateway' : queue, description }] },
      };
    case 'request':
      return { name: 'RequestInfo', value: { requestId } };
    case 'none':
      return undefined;
  }
}
