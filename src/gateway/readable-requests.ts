/**
 * Requests that are no message: a caller's mistake, told as one. What a deserializer throws would be answered as INTERNAL,
 * which reads as the gateway's own fault and is repeated; so it hands on what is wrong, and the call is refused with it.
 */
import { UndecodableRequest } from '../contract/utf8.ts';
import { TroupeError } from '../domain/errors.ts';

interface Readable {
  readonly requestDeserialize: (bytes: Buffer) => unknown;
}

/** The same methods; a request that cannot be read arrives as an UndecodableRequest. */
export function tolerant<Methods extends Readonly<Record<string, Readable>>>(service: Methods): Methods {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      { ...method, requestDeserialize: (bytes: Buffer) => readOrError(method, bytes) },
    ]),
  ) as Methods;
}

function readOrError(method: Readable, bytes: Buffer): unknown {
  try {
    return method.requestDeserialize(bytes);
  } catch (error) {
    if (error instanceof UndecodableRequest) return error;
    throw error;
  }
}

/** The request itself; throws INVALID_ARGUMENT for one that could not be read. */
export function readable<Request>(request: Request): Request {
  if (!(request instanceof UndecodableRequest)) return request;
  const { message, violations } = request;
  throw new TroupeError('INVALID_ARGUMENT', { message, violations, cause: request.cause });
}
