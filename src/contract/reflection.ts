/** gRPC server reflection in code, both of its versions: `proto/grpc/reflection`. They differ by their package alone. */
import protobuf from 'protobufjs';
import { type MethodCodec, serviceCodec } from './codec.ts';
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

/** One of the four is there. */
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

export type ReflectionContract = {
  readonly ServerReflectionInfo: MethodCodec<ReflectionRequest, ReflectionResponse>;
};

/** By version, the newer one first: clients ask for that, and then for the other. */
export function loadReflection(): readonly ReflectionContract[] {
  return ['v1', 'v1alpha'].map((version) => {
    const root = new protobuf.Root();
    root.loadSync(`${protoDir}grpc/reflection/${version}/reflection.proto`);
    root.resolveAll();
    // Stock clients of both versions call it in a test.
    return serviceCodec(root, `grpc.reflection.${version}.ServerReflection`) as unknown as ReflectionContract;
  });
}
