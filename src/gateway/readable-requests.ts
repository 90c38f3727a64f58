/**
 * Requests that are no message: a caller's mistake, told as one. What a deserializer throws would be answered as INTERNAL,
 * which reads as the gateway's own fault and is repeated; so it hands on what is wrong, and the call is refused with it.
 */
import { chunkBytes } from '../application/jobs/download-payload.ts';
import { UndecodableRequest } from '../contract/utf8.ts';
import { TroupeError } from '../domain/errors.ts';

/**
 * Of one message of a request that comes as many: a chunk, and what is around it. gRPC reads ahead, and has one limit for
 * all methods, which is that of a whole input: what is longer, inflated or not, goes here, before it is kept with others.
 */
export const pieceMaxBytes = chunkBytes + 1_024;

interface Readable {
  readonly requestStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
}

/** The same methods; a request that cannot be read, or is too long, arrives as the error that it is. */
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

/** The request itself; throws INVALID_ARGUMENT for one that could not be read. */
export function readable<Request>(request: Request): Request {
  if (request instanceof TroupeError) throw request;
  if (!(request instanceof UndecodableRequest)) return request;
  const { message, violations } = request;
  throw new TroupeError('INVALID_ARGUMENT', { message, violations, cause: request.cause });
}
