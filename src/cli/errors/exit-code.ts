/**
 * The exit codes of `troupe`. Each code has one meaning, whatever the command. They are a contract with scripts and
 * process supervisors. `troupe --help` and docs/reference/exit-codes.md are generated from this table.
 */
import { CommanderError } from 'commander';
import { ConfigError } from '../../config/index.ts';
import { type ClientErrorCode, TroupeClientError } from '../../client/index.ts';
import { assertNever, TroupeError } from '../../domain/errors.ts';
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
  notFound: 'the job, queue, handler, node, actor, service account or API key does not exist',
  refused:
    'refused: the state of the job forbids it, a key or name is in use, a limit is reached, or a token is missing',
  jobCancelled: 'the job was CANCELLED',
  different: 'queues diff: the queues differ from the file',
  internal: 'internal error, or a store that is damaged or from a newer version; trying again does not help',
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

/** A switch over all codes, so that a new error code without an exit code does not compile. */
function exitCodeOfErrorCode(code: ClientErrorCode): number {
  switch (code) {
    case 'INVALID_JOB_SPEC':
    case 'INVALID_ARGUMENT':
    case 'PAYLOAD_TOO_LARGE':
    case 'INVALID_PAGE_TOKEN':
    case 'INVALID_RESUME_TOKEN':
      return exitCodes.usage;
    case 'SHARD_UNAVAILABLE':
    case 'NODE_SILENT':
    case 'STORE_UNAVAILABLE':
    case 'BROKER_UNAVAILABLE':
    case 'OUTCOME_UNKNOWN':
    case 'SHUTTING_DOWN':
    case 'ISSUER_UNAVAILABLE':
    case 'AUDIT_UNAVAILABLE':
    case 'ACCESS_CHANGED':
    case 'CERTIFICATE_EXPIRED':
    case 'CALL_DEADLINE_EXCEEDED':
    case 'GATEWAY_UNAVAILABLE':
      return exitCodes.unreachable;
    case 'UNKNOWN_HANDLER':
    case 'QUEUE_NOT_FOUND':
    case 'JOB_NOT_FOUND':
    case 'RUN_NOT_FOUND':
    case 'NODE_NOT_FOUND':
    case 'ACTOR_NOT_FOUND':
    case 'SERVICE_ACCOUNT_NOT_FOUND':
    case 'API_KEY_NOT_FOUND':
      return exitCodes.notFound;
    case 'QUEUE_EXISTS':
    case 'QUEUE_NOT_EMPTY':
    case 'QUEUE_CLOSING':
    case 'QUEUE_VERSION_CONFLICT':
    case 'IDEMPOTENCY_KEY_REUSED':
    case 'UNIQUE_KEY_TAKEN':
    case 'REPLACEMENT_PENDING':
    case 'PAYLOAD_GONE':
    case 'NO_PAYLOAD_LINK':
    case 'JOB_STATE_FORBIDS':
    case 'BACKLOG_FULL':
    case 'QUEUE_FULL':
    case 'WOULD_BE_LATE':
    case 'OVERLOADED':
    case 'PROFILE_BUSY':
    case 'NO_CREDENTIALS':
    case 'AMBIGUOUS_CREDENTIALS':
    case 'TOKEN_INVALID':
    case 'TOKEN_EXPIRED':
    case 'CERTIFICATE_INVALID':
    case 'KEY_REVOKED':
    case 'KEY_ROTATED':
    case 'SERVICE_ACCOUNT_EXISTS':
    case 'SERVICE_ACCOUNT_CHANGED':
    case 'API_KEY_ENDED':
    case 'TOO_MANY_API_KEYS':
    case 'QUOTA_EXCEEDED':
    case 'PERMISSION_MISSING':
      return exitCodes.refused;
    case 'CALL_CANCELLED':
      return exitCodes.interrupted;
    case 'INTERNAL_ERROR':
    case 'UNDECODABLE_ANSWER':
    case 'UNEXPECTED_STATUS':
      return exitCodes.internal;
    default:
      return assertNever(code);
  }
}

/** The exit code of an error. Unknown errors are internal ones. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof TroupeClientError || error instanceof TroupeError) return exitCodeOfErrorCode(error.code);
  if (error instanceof LoginError) return exitCodes[error.exit];
  // A folder is missing or not writable.
  if (fileErrorText(error) !== undefined) return exitCodes.usage;
  return exitCodes.internal;
}
