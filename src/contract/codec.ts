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

type JobsContract = {
  readonly SubmitJob: MethodCodec<wire.SubmitJobRequest, wire.SubmitJobResponse>;
  readonly SubmitJobStream: MethodCodec<wire.SubmitJobStreamRequest, wire.SubmitJobStreamResponse>;
  readonly SubmitJobs: MethodCodec<wire.SubmitJobsRequest, wire.SubmitJobsResponse>;
  readonly GetJob: MethodCodec<wire.GetJobRequest, wire.GetJobResponse>;
  readonly ListJobs: MethodCodec<wire.ListJobsRequest, wire.ListJobsResponse>;
  readonly RescheduleJob: MethodCodec<wire.RescheduleJobRequest, wire.RescheduleJobResponse>;
  readonly CancelJob: MethodCodec<wire.CancelJobRequest, wire.CancelJobResponse>;
  readonly RetryJob: MethodCodec<wire.RetryJobRequest, wire.RetryJobResponse>;
  readonly RedriveJobs: MethodCodec<wire.RedriveJobsRequest, wire.RedriveJobsResponse>;
  readonly CancelJobs: MethodCodec<wire.CancelJobsRequest, wire.CancelJobsResponse>;
  readonly DownloadPayload: MethodCodec<wire.DownloadPayloadRequest, wire.DownloadPayloadResponse>;
  readonly EraseJobPayloads: MethodCodec<wire.EraseJobPayloadsRequest, wire.EraseJobPayloadsResponse>;
  readonly WatchJob: MethodCodec<wire.WatchJobRequest, wire.WatchJobResponse>;
  readonly WatchJobs: MethodCodec<wire.WatchJobsRequest, wire.WatchJobsResponse>;
  readonly GetJobLog: MethodCodec<wire.GetJobLogRequest, wire.GetJobLogResponse>;
};

type QueuesContract = {
  readonly CreateQueue: MethodCodec<wire.CreateQueueRequest, wire.CreateQueueResponse>;
  readonly GetQueue: MethodCodec<wire.GetQueueRequest, wire.GetQueueResponse>;
  readonly ListQueues: MethodCodec<wire.ListQueuesRequest, wire.ListQueuesResponse>;
  readonly UpdateQueue: MethodCodec<wire.UpdateQueueRequest, wire.UpdateQueueResponse>;
  readonly DeleteQueue: MethodCodec<wire.DeleteQueueRequest, wire.DeleteQueueResponse>;
  readonly GetQueueStats: MethodCodec<wire.GetQueueStatsRequest, wire.GetQueueStatsResponse>;
};

type ClusterContract = {
  readonly ListNodes: MethodCodec<wire.ListNodesRequest, wire.ListNodesResponse>;
  readonly ListShards: MethodCodec<wire.ListShardsRequest, wire.ListShardsResponse>;
  readonly GetTree: MethodCodec<wire.GetTreeRequest, wire.GetTreeResponse>;
  readonly WatchTree: MethodCodec<wire.WatchTreeRequest, wire.WatchTreeResponse>;
  readonly Inspect: MethodCodec<wire.InspectRequest, wire.InspectResponse>;
  readonly ListDeadLetters: MethodCodec<wire.ListDeadLettersRequest, wire.ListDeadLettersResponse>;
  readonly DrainNode: MethodCodec<wire.DrainNodeRequest, wire.DrainNodeResponse>;
  readonly QuarantineQueue: MethodCodec<wire.QuarantineQueueRequest, wire.QuarantineQueueResponse>;
  readonly ResumeQueue: MethodCodec<wire.ResumeQueueRequest, wire.ResumeQueueResponse>;
  readonly ProfileRun: MethodCodec<wire.ProfileRunRequest, wire.ProfileRunResponse>;
};

export interface Contract {
  readonly jobs: JobsContract;
  readonly queues: QueuesContract;
  readonly cluster: ClusterContract;
  message<T>(fullName: string): MessageCodec<T>;
}

export function loadContract(): Contract {
  const root = loadContractRoot();
  return {
    // Unchecked cast: the types were generated from the same files, and a test compares them.
    jobs: serviceCodec(root, 'troupe.v1.Jobs') as unknown as JobsContract,
    queues: serviceCodec(root, 'troupe.v1.Queues') as unknown as QueuesContract,
    cluster: serviceCodec(root, 'troupe.v1.Cluster') as unknown as ClusterContract,
    message: (fullName) => messageCodec(root.lookupType(fullName)),
  };
}

export function serviceCodec(root: protobuf.Root, name: string): Record<string, MethodCodec<unknown, unknown>> {
  const service = root.lookupService(name);
  return Object.fromEntries(service.methodsArray.map((method) => [method.name, methodCodec(root, name, method)]));
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
