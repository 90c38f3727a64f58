/**
 * Encodes and decodes the contract directly to and from bytes. protobufjs compiles a function for each message from the
 * .proto files, which avoids the intermediate plain objects of proto-loader. Field names are camelCase here.
 */
import type protobuf from 'protobufjs';
import type * as wire from './messages.ts';
import type { Named } from '../domain/given.ts';
import { loadContractRoot } from './root.ts';
import { type ViolationsOf, violationsOfType } from './sayable.ts';
import { decodeRequest, RepairingReader, RepairingWriter } from './utf8.ts';

/** A message to encode: every field may be absent. */
export type Init<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer U)[]
    ? readonly Init<U>[]
    : T extends object
      ? { readonly [K in keyof T]?: Init<T[K]> | undefined }
      : T;

/** A message to encode in which every field is named, so that a mapper cannot forget one. `Oneof`: names of its oneofs. */
export type Whole<T, Oneof extends keyof T = never> = Named<Omit<Init<T>, Oneof>>;

export interface MessageCodec<T> {
  readonly encode: (message: Init<T>) => Buffer;
  /** Throws if the bytes are not a message of this type. */
  readonly decode: (bytes: Uint8Array) => T;
}

/** One method in the form that grpc-js expects. */
export interface MethodCodec<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Finds values of a request that the wire cannot represent. Call it before `requestSerialize`. */
  readonly requestViolations: ViolationsOf<Init<Request>>;
  readonly requestSerialize: (message: Init<Request>) => Buffer;
  /** Throws UndecodableRequest if the bytes are not a message of this type. */
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Init<Response>) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** The codecs of a service. `Methods` names its methods, each with its request and response. */
export type ServiceCodec<Methods> = {
  readonly [M in keyof Methods]: Methods[M] extends readonly [infer Request, infer Response]
    ? MethodCodec<Request, Response>
    : never;
};

export interface Contract {
  readonly jobs: ServiceCodec<wire.JobsMethods>;
  readonly queues: ServiceCodec<wire.QueuesMethods>;
  readonly cluster: ServiceCodec<wire.ClusterMethods>;
  readonly access: ServiceCodec<wire.AccessMethods>;
  readonly tenants: ServiceCodec<wire.TenantsMethods>;
  readonly audit: ServiceCodec<wire.AuditMethods>;
  readonly events: ServiceCodec<wire.EventsMethods>;
  message<T>(fullName: string): MessageCodec<T>;
}

export function loadContract(): Contract {
  const root = loadContractRoot();
  return {
    jobs: serviceCodec(root, 'troupe.v1.Jobs'),
    queues: serviceCodec(root, 'troupe.v1.Queues'),
    cluster: serviceCodec(root, 'troupe.v1.Cluster'),
    access: serviceCodec(root, 'troupe.v1.Access'),
    tenants: serviceCodec(root, 'troupe.v1.Tenants'),
    audit: serviceCodec(root, 'troupe.v1.Audit'),
    events: serviceCodec(root, 'troupe.v1.Events'),
    message: (fullName) => messageCodec(root.lookupType(fullName)),
  };
}

export function serviceCodec<Methods>(root: protobuf.Root, name: string): ServiceCodec<Methods> {
  const { methodsArray } = root.lookupService(name);
  const codecs = Object.fromEntries(methodsArray.map((method) => [method.name, methodCodec(root, name, method)]));
  // Unchecked cast: the methods of our services are generated from the same files; tests call those of the others.
  return codecs as unknown as ServiceCodec<Methods>;
}

function methodCodec(root: protobuf.Root, service: string, method: protobuf.Method): MethodCodec<unknown, unknown> {
  const requestType = method.resolvedRequestType ?? root.lookupType(method.requestType);
  const request = messageCodec<unknown>(requestType);
  const response = messageCodec<unknown>(method.resolvedResponseType ?? root.lookupType(method.responseType));
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestViolations: violationsOfType(requestType) as ViolationsOf<unknown>,
    requestSerialize: request.encode,
    requestDeserialize: (bytes) => decodeRequest(requestType, bytes),
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  };
}

function messageCodec<T>(type: protobuf.Type): MessageCodec<T> {
  return {
    // In Node the writer of protobufjs produces Buffers.
    encode: (message) => type.encode(message as Record<string, unknown>, new RepairingWriter()).finish() as Buffer,
    decode: (bytes) => type.decode(new RepairingReader(asBuffer(bytes))) as unknown as T,
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
