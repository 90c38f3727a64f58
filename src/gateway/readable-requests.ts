/**
 * Reports undecodable requests as a caller's mistake. An exception of a deserializer would be answered with INTERNAL,
 * which reads as a fault of the gateway and is retried. So the deserializer returns the error as a value, and the call
 * is refused with it.
 */
import { chunkBytes } from '../application/jobs/download-payload.ts';
import { UnreadableJson } from '../contract/json-methods.ts';
import { UndecodableRequest } from '../contract/utf8.ts';
import { TroupeError } from '../domain/errors.ts';

/**
 * The size limit of one message of a streamed request: a chunk and its envelope. gRPC reads ahead and has one limit for
 * all methods, which is that of a whole input. Longer messages, inflated or not, are dropped here before they are
 * buffered.
 */
export const pieceMaxBytes = chunkBytes + 1_024;

interface Readable {
  readonly requestStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
}

/** Wraps the methods so that a request that is undecodable or too long arrives as an error value. */
export function tolerant<Methods extends Readonly<Record<string, Readable>>>(service: Methods): Methods {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      { ...method, requestDeserialize: (bytes: Buffer) => readOrError(method, bytes) },
    ]),
  ) as Methods;
}

function readOrError(method: Readable, bytes: Buffer): unknown {
  if (method.requestStream && bytes.byteLength > pieceMaxBytes) return tooLong(bytes.byteLength);
  try {
    return method.requestDeserialize(bytes);
  } catch (error) {
    if (error instanceof UndecodableRequest) return error;
    throw error;
  }
}

function tooLong(bytes: number): TroupeError {
  const description = `must take at most ${pieceMaxBytes} bytes, not ${bytes}`;
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'part', description }] });
}

/** Returns the request. Throws INVALID_ARGUMENT if it could not be decoded. */
export function readable<Request>(request: Request): Request {
  if (request instanceof TroupeError) throw request;
  if (request instanceof UnreadableJson)
    throw new TroupeError('INVALID_ARGUMENT', { message: request.message, violations: request.violations() });
  if (!(request instanceof UndecodableRequest)) return request;
  const { message, violations } = request;
  throw new TroupeError('INVALID_ARGUMENT', { message, violations, cause: request.cause });
}
