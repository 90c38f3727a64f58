/**
 * Translates the errors of cassandra-driver, by class and response code. No other module looks at them. The distinction
 * that counts is whether the request may have been carried out. It only matters to callers of conditional writes,
 * because all other statements can be repeated.
 */
import { errors, types } from 'cassandra-driver';
import { TroupeError } from '../../domain/errors.ts';
import type { StatementMode } from './tables/cql-statement.ts';

/** The server refused the request before it did anything. */
const refusedCodes: ReadonlySet<number> = new Set([
  types.responseErrorCodes.unavailableException,
  types.responseErrorCodes.overloaded,
  types.responseErrorCodes.isBootstrapping,
]);

/** The server began and cannot say how it ended. */
const undecidedCodes: ReadonlySet<number> = new Set([
  types.responseErrorCodes.writeTimeout,
  types.responseErrorCodes.readTimeout,
  types.responseErrorCodes.readFailure,
  types.responseErrorCodes.writeFailure,
  types.responseErrorCodes.truncateError,
  types.responseErrorCodes.serverError,
]);

type Verdict = 'not-done' | 'undecided' | 'rejected';

/**
 * Combines the errors of all hosts that the driver tried. It only moves to the next host if no request was written to
 * the last.
 */
function verdictOfHosts(innerErrors: Readonly<Record<string, unknown>>): Verdict {
  return Object.values(innerErrors).every((inner) => verdictOf(inner) === 'not-done') ? 'not-done' : 'undecided';
}

function verdictOf(error: unknown): Verdict {
  if (error instanceof errors.NoHostAvailableError) {
    return verdictOfHosts((error.innerErrors ?? {}) as Readonly<Record<string, unknown>>);
  }
  if (error instanceof errors.ResponseError) {
    if (refusedCodes.has(error.code)) return 'not-done';
    return undecidedCodes.has(error.code) ? 'undecided' : 'rejected';
  }
  if (error instanceof errors.BusyConnectionError) return 'not-done';
  if (error instanceof errors.OperationTimedOutError) return 'undecided';
  if (error instanceof Error && 'isSocketError' in error) {
    return 'requestNotWritten' in error && error.requestNotWritten === true ? 'not-done' : 'undecided';
  }
  // Connection refused and similar: there was no connection on which the request could have been sent.
  if (error instanceof Error && 'syscall' in error) return 'not-done';
  return 'rejected';
}

const {
  invalid: invalidCode,
  serverError: serverErrorCode,
  unauthorized: unauthorizedCode,
}: Readonly<Record<'invalid' | 'serverError' | 'unauthorized', number>> = types.responseErrorCodes;

/**
 * The server does not know the keyspace or table (yet). Only meaningful where nothing else can be wrong with the
 * statement. A node that is creating the table at this moment takes statements about it, and then fails in itself.
 */
export function isUnknownName(error: unknown): boolean {
  const foreign = answerOf(error);
  if (foreign === undefined) return false;
  return foreign.code === invalidCode || (foreign.code === serverErrorCode && foreign.message.includes('Unknown CF'));
}

/** What the server answered instead of a result, if it did. */
function answerOf(error: unknown): errors.ResponseError | undefined {
  const foreign = error instanceof TroupeError ? error.cause : error;
  return foreign instanceof errors.ResponseError ? foreign : undefined;
}

/** The login lacks a right. */
export function isForbidden(error: unknown): boolean {
  return answerOf(error)?.code === unauthorizedCode;
}

/** What is asked for is so already, or makes no sense to this server. */
export function isInvalid(error: unknown): boolean {
  return answerOf(error)?.code === invalidCode;
}

/** In the words of the server, which do not repeat the statement: the login may not do it, or this ring has no such thing. */
export function reasonOfRefusal(error: unknown): string | undefined {
  return isForbidden(error) || isInvalid(error) ? answerOf(error)?.message : undefined;
}

export function translateCassandraError(error: unknown, mode: StatementMode): unknown {
  if (error instanceof TroupeError) return error;
  const verdict = verdictOf(error);
  switch (verdict) {
    case 'not-done':
      return new TroupeError('STORE_UNAVAILABLE', { message: 'Cassandra does not answer', cause: error });
    case 'undecided':
      return mode === 'conditional'
        ? new TroupeError('OUTCOME_UNKNOWN', {
            message: 'Cassandra did not confirm whether the write was applied',
            cause: error,
          })
        : new TroupeError('STORE_UNAVAILABLE', { message: 'Cassandra did not answer in time', cause: error });
    case 'rejected': {
      const message = isForbidden(error)
        ? 'Cassandra refuses this statement to the login of the process'
        : 'Cassandra rejected the statement';
      return new TroupeError('INTERNAL_ERROR', { message, cause: error });
    }
  }
}
