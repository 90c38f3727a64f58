/** The only place that translates errors of the NATS client and codes of the server into `TroupeError`. */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { InvalidArgumentError, PermissionViolationError, RequestError } from '@nats-io/transport-node';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';

/** The error codes of the JetStream API that this adapter reacts to. */
export const apiCodes = {
  streamNotFound: 10059,
  consumerExists: 10148,
  consumerNotFound: 10014,
  streamNameInUse: 10058,
  consumersMaxReached: 10026,
  wrongLastSequence: 10071,
  wrongLastSequenceUnknown: 10164,
  storeFailed: 10077,
  noPeers: 10005,
  temporarilyUnavailable: 10008,
  batchesDisabled: 10205,
} as const;

export function apiCodeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** True if a compare-and-set failed because the revision was another one. */
export function isRevisionConflict(error: unknown): boolean {
  const code = apiCodeOf(error);
  return code === apiCodes.wrongLastSequence || code === apiCodes.wrongLastSequenceUnknown;
}

/** True if a stream or bucket does not exist: no server listens on its subjects, or the API reports it. */
export function isMissingAsset(error: unknown): boolean {
  if (error instanceof RequestError) return error.isNoResponders();
  if (apiCodeOf(error) === apiCodes.streamNotFound) return true;
  // The client wraps "no responders" of a JetStream call in an error that it does not export.
  return error instanceof Error && error.cause instanceof RequestError && error.cause.isNoResponders();
}

/** True if the server denies this login the operation. */
export function isForbidden(error: unknown): boolean {
  if (error instanceof PermissionViolationError) return true;
  return error instanceof Error && error.cause instanceof Error && isForbidden(error.cause);
}

/** True if a read of a stream found nothing at or after its position. The client does not export this error class. */
export function isNoMessage(error: unknown): boolean {
  return error instanceof JetStreamError && 'code' in error && error.code === 404;
}

const passingCodes: ReadonlySet<string | undefined> = new Set([
  // No server answered.
  undefined,
  // JetStream is starting, or its cluster has not elected a leader yet.
  String(apiCodes.noPeers),
  String(apiCodes.temporarilyUnavailable),
  // The guard of the streams creates it again.
  String(apiCodes.streamNotFound),
]);

/** True if the same request may succeed later, although nobody changes a setting. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof TroupeError) || error.code !== 'BROKER_UNAVAILABLE') return false;
  return passingCodes.has(error.metadata['natsErrorCode']) && !isForbidden(error);
}

/** True if the stream has as many consumers as the server or the account allows. */
export function isConsumersMaxReached(error: unknown): boolean {
  const code = error instanceof TroupeError ? error.metadata['natsErrorCode'] : undefined;
  return code === String(apiCodes.consumersMaxReached);
}

/** An error that callers may retry after half a second. */
export function brokerUnavailable(message: string, cause?: unknown): TroupeError {
  return new TroupeError('BROKER_UNAVAILABLE', { message, retryAfterMs: 500, ...given({ cause }) });
}

/** Translates any error of the client. A `TroupeError` passes unchanged. `asked` is what JetStream was asked for. */
export function brokerError(error: unknown, asked?: string): TroupeError {
  if (error instanceof TroupeError) return error;
  if (error instanceof InvalidArgumentError) return new TroupeError('INTERNAL_ERROR', { cause: error });
  if (error instanceof JetStreamApiError) {
    return new TroupeError('BROKER_UNAVAILABLE', {
      message: `JetStream refused${asked === undefined ? '' : ` ${asked}`}: ${error.message}`,
      metadata: { natsErrorCode: String(error.code) },
      cause: error,
    });
  }
  return brokerUnavailable('NATS does not answer', error);
}

/**
 * Translates the error that JetStream sent in place of a PubAck. A full stream and a failed disk share the code 10077,
 * so only the text tells them apart. A test on the real server pins that text. Both may be retried.
 */
export function publishRefused(error: { readonly err_code?: number; readonly description?: string }): TroupeError {
  const description = error.description ?? 'no description';
  const metadata = { natsErrorCode: String(error.err_code ?? 0) };
  if (error.err_code === apiCodes.storeFailed && /^maximum (messages|bytes)/.test(description)) {
    return new TroupeError('BACKLOG_FULL', {
      message: 'the stream of work is full; add workers, or wait',
      metadata,
      retryAfterMs: 1_000,
    });
  }
  return new TroupeError('BROKER_UNAVAILABLE', { message: `JetStream refused: ${description}`, metadata });
}
