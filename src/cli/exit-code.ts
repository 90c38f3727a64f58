/** What the exit code of `troupe` means. Part of its contract with scripts; documented in `troupe --help`. */
import { CommanderError } from 'commander';
import { ConfigError } from '../config/index.ts';
import { TroupeClientError } from '../client/index.ts';
import type { ClientErrorCode } from '../client/index.ts';
import { assertNever } from '../domain/errors.ts';

export const exitCodes = {
  ok: 0,
  jobFailed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  refused: 5,
  jobCancelled: 6,
  different: 7,
  internal: 70,
  interrupted: 130,
} as const;

export const exitCodeHelp = `
Exit codes:
  0    done; with --wait or watch: the job SUCCEEDED
  1    the job FAILED or EXPIRED
  2    wrong usage, invalid input or configuration
  3    the cluster cannot be reached, or did not answer in time; try again
  4    no such job, queue, handler, node or actor
  5    refused: the state of the job forbids it, a key or name is taken, a limit is reached, a token is needed
  6    the job was CANCELLED
  7    queues diff: the queues are not as the file says
  70   internal error
  130  interrupted
`;

/** A mistake in how the command was called, found by the command itself. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

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
    case 'CALL_DEADLINE_EXCEEDED':
    case 'GATEWAY_UNAVAILABLE':
      return exitCodes.unreachable;
    case 'UNKNOWN_HANDLER':
    case 'QUEUE_NOT_FOUND':
    case 'JOB_NOT_FOUND':
    case 'RUN_NOT_FOUND':
    case 'NODE_NOT_FOUND':
    case 'ACTOR_NOT_FOUND':
      return exitCodes.notFound;
    case 'QUEUE_EXISTS':
    case 'QUEUE_NOT_EMPTY':
    case 'QUEUE_CLOSING':
    case 'QUEUE_VERSION_CONFLICT':
    case 'IDEMPOTENCY_KEY_REUSED':
    case 'UNIQUE_KEY_TAKEN':
    case 'REPLACEMENT_PENDING':
    case 'PAYLOAD_GONE':
    case 'JOB_STATE_FORBIDS':
    case 'BACKLOG_FULL':
    case 'QUEUE_FULL':
    case 'WOULD_BE_LATE':
    case 'MAILBOX_FULL':
    case 'PROFILE_BUSY':
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return exitCodes.refused;
    case 'CALL_CANCELLED':
      return exitCodes.interrupted;
    case 'INTERNAL_ERROR':
    case 'UNEXPECTED_STATUS':
      return exitCodes.internal;
    default:
      return assertNever(code);
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof TroupeClientError) return exitCodeOfErrorCode(error.code);
  return exitCodes.internal;
}
