/** Calls any method of the contract as any gRPC client would, and returns what comes first: a message or a status. */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadContract, type MethodCodec } from '../../src/contract/codec.ts';

export type AnyMethod = MethodCodec<unknown, unknown>;

/** All methods of the contract by name. */
export const allMethods: ReadonlyMap<string, AnyMethod> = new Map(
  Object.values(loadContract())
    .filter((service) => typeof service === 'object')
    .flatMap((service) => Object.entries(service as Readonly<Record<string, AnyMethod>>)),
);

export interface RawAnswer {
  readonly code: keyof typeof status;
  readonly details: string;
  /** Without the request id. Binary values as latin1 text. */
  readonly trailers: Readonly<Record<string, string>>;
  /** `ErrorInfo.reason`, if there is one. */
  readonly reason: string | undefined;
  readonly message: unknown;
}

export function rawClient(address: string): Client {
  return new Client(address, credentials.createInsecure());
}

export function rawCall(client: Client, method: AnyMethod, request: unknown, tokens: readonly string[] = []) {
  const metadata = new Metadata();
  for (const token of tokens) metadata.add('authorization', `Bearer ${token}`);
  return new Promise<RawAnswer>((resolve) => {
    const answered = (message: unknown) =>
      resolve({ code: 'OK', details: '', trailers: {}, reason: undefined, message });
    const settle = (error: ServiceError | null, message?: unknown) =>
      error ? resolve(refusalOf(error)) : answered(message);
    const { path, requestSerialize, responseDeserialize } = method;
    if (method.responseStream) {
      const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
      call.on('error', settle);
      call.on('end', () => answered(undefined));
      call.on('data', (message: unknown) => {
        answered(message);
        call.cancel();
      });
    } else if (method.requestStream) {
      const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, metadata, settle);
      call.write(request);
      call.end();
    } else {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, settle);
    }
  });
}

function refusalOf({ code, details, metadata }: ServiceError): RawAnswer {
  const trailers = Object.fromEntries(
    Object.keys(metadata.getMap())
      .filter((name) => name !== 'x-request-id' && name !== 'date')
      .map((name) => [name, metadata.get(name).map(textOf).join()]),
  );
  const reason = /[A-Z]+(_[A-Z]+)+/.exec(trailers['grpc-status-details-bin'] ?? '')?.[0];
  return { code: status[code] as keyof typeof status, details, trailers, reason, message: undefined };
}

function textOf(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}
