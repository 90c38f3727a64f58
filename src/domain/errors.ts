/**
 * The only registry of errors that leave a process. A code is the same string in `ErrorInfo.reason`, in logs
 * (`errCode`) and in the documentation. Only `src/gateway/status-mapper.ts` knows how codes map to gRPC.
 */
import { oneLine } from './printable.ts';
import { given } from './given.ts';

/** All codes, with the default message and whether the same request may succeed later. */
export const errorRegistry = {
  INVALID_JOB_SPEC: { retryable: false, message: 'the job is not valid' },
  INVALID_ARGUMENT: { retryable: false, message: 'the request is not valid' },
  PAYLOAD_TOO_LARGE: { retryable: false, message: 'the payload is larger than allowed' },
  UNKNOWN_HANDLER: { retryable: false, message: 'no node has announced this handler' },
  QUEUE_NOT_FOUND: { retryable: false, message: 'the queue does not exist' },
  QUEUE_EXISTS: { retryable: false, message: 'a queue with this name already exists' },
  QUEUE_NOT_EMPTY: { retryable: false, message: 'the queue has unfinished jobs' },
  QUEUE_CLOSING: { retryable: true, message: 'the queue is being deleted' },
  QUEUE_VERSION_CONFLICT: { retryable: true, message: 'somebody else changed the queue in the meantime' },
  JOB_NOT_FOUND: { retryable: false, message: 'the job does not exist, or its retention is over' },
  IDEMPOTENCY_KEY_REUSED: { retryable: false, message: 'the idempotency key was used for a job with other content' },
  UNIQUE_KEY_TAKEN: { retryable: false, message: 'another job already has this unique key' },
  REPLACEMENT_PENDING: { retryable: true, message: 'the job with this unique key is still being cancelled' },
  PAYLOAD_GONE: { retryable: false, message: 'the payload was erased, or its retention is over' },
  NO_PAYLOAD_LINK: { retryable: false, message: 'there is no link to this payload' },
  JOB_STATE_FORBIDS: { retryable: false, message: 'the state of the job does not allow this' },
  RUN_NOT_FOUND: { retryable: false, message: 'the attempt is not running on this node' },
  PROFILE_BUSY: { retryable: true, message: 'another profile is being recorded in the same cell' },
  NODE_NOT_FOUND: { retryable: false, message: 'the cluster has no such node' },
  NODE_SILENT: { retryable: true, message: 'the node does not answer' },
  ACTOR_NOT_FOUND: { retryable: false, message: 'there is no actor at this path' },
  NO_CREDENTIALS: { retryable: false, message: 'the call needs a credential: send "authorization: Bearer TOKEN"' },
  AMBIGUOUS_CREDENTIALS: { retryable: false, message: 'the call carries more than one credential' },
  TOKEN_INVALID: { retryable: false, message: 'the token is not valid here' },
  TOKEN_EXPIRED: { retryable: false, message: 'the token has expired' },
  CERTIFICATE_INVALID: { retryable: false, message: 'the client certificate gives no access here' },
  CERTIFICATE_EXPIRED: { retryable: true, message: 'the client certificate has expired: connect again with a new one' },
  KEY_REVOKED: { retryable: false, message: 'the API key was revoked' },
  KEY_ROTATED: { retryable: false, message: 'another API key has taken the place of this one' },
  ACCESS_CHANGED: { retryable: true, message: 'what the caller may do has changed: call again' },
  ISSUER_UNAVAILABLE: { retryable: true, message: 'the token cannot be checked, because its issuer does not answer' },
  PERMISSION_MISSING: { retryable: false, message: 'the caller lacks the permission for this call' },
  AUDIT_UNAVAILABLE: {
    retryable: true,
    message: 'the call was not made, because the audit log cannot be written',
  },
  SERVICE_ACCOUNT_NOT_FOUND: { retryable: false, message: 'the service account does not exist' },
  SERVICE_ACCOUNT_EXISTS: { retryable: false, message: 'a service account with this name already exists' },
  SERVICE_ACCOUNT_CHANGED: { retryable: true, message: 'somebody else changed the service account in the meantime' },
  API_KEY_NOT_FOUND: { retryable: false, message: 'the service account has no such API key' },
  API_KEY_ENDED: { retryable: false, message: 'the API key is not in use any more' },
  TOO_MANY_API_KEYS: { retryable: false, message: 'two API keys of the service account are in use: revoke one first' },
  LIMIT_REACHED: { retryable: false, message: 'there are as many as there may be: delete one first' },
  TENANT_NOT_FOUND: { retryable: false, message: 'the tenant does not exist' },
  TENANT_EXISTS: { retryable: false, message: 'a tenant with this name already exists' },
  TENANT_CHANGED: { retryable: true, message: 'somebody else changed the tenant in the meantime' },
  TENANT_PAUSED: { retryable: false, message: 'the tenant is paused: it can submit nothing until it is resumed' },
  TENANT_DELETING: { retryable: false, message: 'the tenant is being deleted' },
  QUOTA_EXCEEDED: { retryable: true, message: 'the tenant is at its quota' },
  SUBSCRIPTION_NOT_FOUND: { retryable: false, message: 'the event subscription does not exist' },
  SUBSCRIPTION_EXISTS: { retryable: false, message: 'an event subscription with this name already exists' },
  INVALID_PAGE_TOKEN: { retryable: false, message: 'the page token does not belong to this list' },
  INVALID_RESUME_TOKEN: { retryable: false, message: 'the resume token does not belong to this job' },
  BACKLOG_FULL: { retryable: true, message: 'the backlog is at its limit' },
  QUEUE_FULL: { retryable: true, message: 'the queue is full' },
  WOULD_BE_LATE: { retryable: true, message: 'the job would miss its deadline' },
  OVERLOADED: { retryable: true, message: 'too many requests are waiting' },
  SHARD_UNAVAILABLE: { retryable: true, message: 'the shard has no owner at the moment' },
  STORE_UNAVAILABLE: { retryable: true, message: 'the store does not answer' },
  BROKER_UNAVAILABLE: { retryable: true, message: 'NATS does not answer' },
  ENCRYPTION_UNAVAILABLE: { retryable: true, message: 'the keys that seal and open payloads are not available' },
  OUTCOME_UNKNOWN: { retryable: true, message: 'it is unknown whether the request was carried out' },
  SHUTTING_DOWN: { retryable: true, message: 'this process is shutting down' },
  CALL_DEADLINE_EXCEEDED: { retryable: true, message: 'the deadline of the call has passed' },
  CALL_CANCELLED: { retryable: false, message: 'the caller cancelled the call' },
  INTERNAL_ERROR: { retryable: false, message: 'internal error' },
} as const satisfies Record<string, { retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof errorRegistry;

/** A request field that is wrong, by its path in the contract, and the reason. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface TroupeErrorOptions {
  /** Replaces the text of the registry. It must contain no payloads and no secrets. */
  readonly message?: string;
  /** Facts for programs. Keys are lowerCamelCase and end with their unit. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields that are wrong. */
  readonly violations?: readonly FieldViolation[];
  /** How long the caller should wait before a retry, in ms. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The form in which an error crosses a process boundary. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  readonly retryAfterMs?: number;
}

/** Metadata that can name the subject of an error, most specific first. */
const subjects = ['jobId', 'handler', 'path', 'node', 'queue', 'keyId', 'account', 'tenant'] as const;
const subjectLengthMax = 256;

/** The text of the registry and the subject of the error. */
function messageOf(code: ErrorCode, metadata: TroupeErrorOptions['metadata'] = {}): string {
  const { message } = errorRegistry[code];
  const subject = subjects.map((name) => metadata[name]).find((value) => value !== undefined && value !== '');
  return subject === undefined ? message : `${message}: ${oneLine(subject.slice(0, subjectLengthMax))}`;
}

/** The error for everything that may leave a process. Its code is stable; its message is for people. */
export class TroupeError extends Error {
  override readonly name = 'TroupeError';
  readonly code: ErrorCode;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, options: TroupeErrorOptions = {}) {
    super(
      options.message ?? messageOf(code, options.metadata),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /** True if the same request may succeed later. */
  get retryable(): boolean {
    return errorRegistry[this.code].retryable;
  }

  /** The only catch-all: anything that is not a TroupeError becomes INTERNAL_ERROR with the original as its cause. */
  static from(error: unknown): TroupeError {
    return error instanceof TroupeError ? error : new TroupeError('INTERNAL_ERROR', { cause: error });
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      ...given({
        metadata: Object.keys(this.metadata).length > 0 ? this.metadata : undefined,
        violations: this.violations.length > 0 ? this.violations : undefined,
        retryAfterMs: this.retryAfterMs,
      }),
    };
  }

  /**
   * The other side may be of a later version and have codes that this one does not know. Those become INTERNAL_ERROR,
   * because nobody could say whether they are retryable, or map them.
   */
  static fromWire(wire: unknown): TroupeError {
    const { code, message, ...details } = (wire ?? {}) as Partial<WireError>;
    if (typeof code !== 'string' || !Object.hasOwn(errorRegistry, code)) {
      return new TroupeError('INTERNAL_ERROR', { message: 'the answer holds an unknown error' });
    }
    return new TroupeError(code, { ...details, ...given({ message }) });
  }
}

/**
 * Asserts an invariant. A violation is a bug, so it throws a plain Error: the actor crashes and its supervisor decides.
 */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${what}`);
}

/** Marks a branch that the types exclude. Throws if it is reached all the same. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
