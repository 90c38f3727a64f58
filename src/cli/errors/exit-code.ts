/**
 * The exit codes of `troupe`. Each code has one meaning, whatever the command. They are a contract with scripts and
 * process supervisors. `troupe --help` and docs/reference/exit-codes.md are generated from this table.
 */
import { CommanderError } from 'commander';
import { ConfigError } from '../../config/index.ts';
import { type ClientErrorCode, TroupeClientError } from '../../client/index.ts';
import { TroupeError } from '../../domain/errors.ts';
import { fileErrorText } from './file-error.ts';
import { LoginError } from './login-error.ts';

export const exitCodes = {
  ok: 0,
  jobFailed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  refused: 5,
  jobCancelled: 6,
  different: 7,
  internal: 8,
  unhealthy: 9,
  startAgain: 70,
  interrupted: 130,
  /** The code of a process that SIGPIPE ended. */
  unread: 141,
} as const;

export type ExitName = keyof typeof exitCodes;

export const exitMeanings: Readonly<Record<ExitName, string>> = {
  ok: 'success; with --wait or watch: the job SUCCEEDED; dev, serve: drained and stopped',
  jobFailed: 'the job FAILED or EXPIRED',
  usage: 'wrong usage, invalid input or configuration, or a port that is in use',
  unreachable: 'the cluster or the store cannot be reached, or did not answer in time; try again',
  notFound: 'the job, queue, handler, node, actor, service account, API key or tenant does not exist',
  refused:
    'refused: the state of the job forbids it, a key or name is in use, a limit is reached, or a token is missing',
  jobCancelled: 'the job was CANCELLED',
  different: 'queues diff, tenants diff: what there is differs from the file',
  internal: 'internal error, or a store that is damaged or from a newer version; trying again does not help',
  unhealthy: 'health: a verdict is doubtful or bad, or it is not known whether work flows',
  startAgain: 'dev, serve: the process cannot continue, and its log says why; start it again',
  interrupted: 'interrupted',
  unread: 'the reader of the output is gone before the jobs ended; other commands end with 0 then',
};

export const exitCodeHelp = [
  '\nExit codes:',
  ...(Object.keys(exitCodes) as ExitName[]).map(
    (name) => `  ${String(exitCodes[name]).padEnd(5)}${exitMeanings[name]}`,
  ),
  '',
].join('\n');

/** An error in the use of the command that the command itself found. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Of every code, so that a new error code without an exit code does not compile. */
const exitOfCode: Readonly<Record<ClientErrorCode, ExitName>> = {
  INVALID_JOB_SPEC: 'usage',
  INVALID_ARGUMENT: 'usage',
  PAYLOAD_TOO_LARGE: 'usage',
  INVALID_PAGE_TOKEN: 'usage',
  INVALID_RESUME_TOKEN: 'usage',
  SHARD_UNAVAILABLE: 'unreachable',
  NODE_SILENT: 'unreachable',
  STORE_UNAVAILABLE: 'unreachable',
  BROKER_UNAVAILABLE: 'unreachable',
  ENCRYPTION_UNAVAILABLE: 'unreachable',
  OUTCOME_UNKNOWN: 'unreachable',
  SHUTTING_DOWN: 'unreachable',
  ISSUER_UNAVAILABLE: 'unreachable',
  AUDIT_UNAVAILABLE: 'unreachable',
  ACCESS_CHANGED: 'unreachable',
  CERTIFICATE_EXPIRED: 'unreachable',
  CALL_DEADLINE_EXCEEDED: 'unreachable',
  GATEWAY_UNAVAILABLE: 'unreachable',
  UNKNOWN_HANDLER: 'notFound',
  QUEUE_NOT_FOUND: 'notFound',
  JOB_NOT_FOUND: 'notFound',
  RUN_NOT_FOUND: 'notFound',
  NODE_NOT_FOUND: 'notFound',
  ACTOR_NOT_FOUND: 'notFound',
  SERVICE_ACCOUNT_NOT_FOUND: 'notFound',
  API_KEY_NOT_FOUND: 'notFound',
  TENANT_NOT_FOUND: 'notFound',
  SUBSCRIPTION_NOT_FOUND: 'notFound',
  QUEUE_EXISTS: 'refused',
  QUEUE_NOT_EMPTY: 'refused',
  QUEUE_CLOSING: 'refused',
  QUEUE_VERSION_CONFLICT: 'refused',
  IDEMPOTENCY_KEY_REUSED: 'refused',
  UNIQUE_KEY_TAKEN: 'refused',
  REPLACEMENT_PENDING: 'refused',
  PAYLOAD_GONE: 'refused',
  NO_PAYLOAD_LINK: 'refused',
  JOB_STATE_FORBIDS: 'refused',
  BACKLOG_FULL: 'refused',
  QUEUE_FULL: 'refused',
  WOULD_BE_LATE: 'refused',
  OVERLOADED: 'refused',
  PROFILE_BUSY: 'refused',
  NO_CREDENTIALS: 'refused',
  AMBIGUOUS_CREDENTIALS: 'refused',
  TOKEN_INVALID: 'refused',
  TOKEN_EXPIRED: 'refused',
  CERTIFICATE_INVALID: 'refused',
  KEY_REVOKED: 'refused',
  KEY_ROTATED: 'refused',
  SERVICE_ACCOUNT_EXISTS: 'refused',
  SERVICE_ACCOUNT_CHANGED: 'refused',
  API_KEY_ENDED: 'refused',
  TOO_MANY_API_KEYS: 'refused',
  LIMIT_REACHED: 'refused',
  TENANT_EXISTS: 'refused',
  SUBSCRIPTION_EXISTS: 'refused',
  TENANT_CHANGED: 'refused',
  TENANT_PAUSED: 'refused',
  TENANT_DELETING: 'refused',
  QUOTA_EXCEEDED: 'refused',
  PERMISSION_MISSING: 'refused',
  CALL_CANCELLED: 'interrupted',
  INTERNAL_ERROR: 'internal',
  UNDECODABLE_ANSWER: 'internal',
  CODEC_FAILED: 'internal',
  UNEXPECTED_STATUS: 'internal',
};

/** The exit code of an error. Unknown errors are internal ones. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof TroupeClientError || error instanceof TroupeError) return exitCodes[exitOfCode[error.code]];
  if (error instanceof LoginError) return exitCodes[error.exit];
  // A folder is missing or not writable.
  if (fileErrorText(error) !== undefined) return exitCodes.usage;
  return exitCodes.internal;
}
