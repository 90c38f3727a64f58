/** gRPC server reflection in code, from `proto/grpc/reflection`. Its two versions differ only in their package. */
import protobuf from 'protobufjs';
import { type ServiceCodec, serviceCodec } from './codec.ts';
import { protoDir } from './root.ts';

export interface ReflectionRequest {
  readonly host: string;
  readonly messageRequest?:
    | 'fileByFilename'
    | 'fileContainingSymbol'
    | 'fileContainingExtension'
    | 'allExtensionNumbersOfType'
    | 'listServices'
    | undefined;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly fileContainingExtension?: { readonly containingType: string; readonly extensionNumber: number };
  readonly allExtensionNumbersOfType?: string;
  readonly listServices?: string;
}

/** Exactly one of the four response fields is set. */
export interface ReflectionResponse {
  readonly validHost: string;
  readonly originalRequest: ReflectionRequest | null;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly allExtensionNumbersResponse?: {
    readonly baseTypeName: string;
    readonly extensionNumber: readonly number[];
  };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

export interface ReflectionMethods {
  readonly ServerReflectionInfo: readonly [ReflectionRequest, ReflectionResponse];
}

/** Newest version first, because clients ask for it first and then fall back. Tests call both with standard clients. */
export function loadReflection(): readonly ServiceCodec<ReflectionMethods>[] {
  return ['v1', 'v1alpha'].map((version) => {
    const root = new protobuf.Root();
    root.loadSync(`${protoDir}grpc/reflection/${version}/reflection.proto`);
    root.resolveAll();
    return serviceCodec(root, `grpc.reflection.${version}.ServerReflection`);
  });
}
