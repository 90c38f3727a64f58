/**
 * Server reflection: tells generic clients which services exist, and the files that describe them with all imports. One
 * request is handled at a time, as fast as the client reads.
 */
import { status as grpc, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Init } from '../contract/codec.ts';
import type { Descriptors } from '../contract/descriptors.ts';
import type { ReflectionRequest, ReflectionResponse } from '../contract/reflection.ts';
import type { ServiceParts } from './service-parts.ts';

export function reflectionService(
  descriptors: Descriptors,
  { scope, admission }: Pick<ServiceParts, 'scope' | 'admission'>,
): UntypedServiceImplementation {
  return {
    ServerReflectionInfo: scope.duplex('ServerReflectionInfo', (requests, { tenant }) =>
      admission.watch(
        tenant,
        () => requests,
        (request) => ({ validHost: request.host, originalRequest: request, ...answer(descriptors, request) }),
      ),
    ),
  };
}

/** Answers one reflection request. Unknown names get NOT_FOUND as an answer, not as an error of the stream. */
export function answer(descriptors: Descriptors, request: ReflectionRequest): Init<ReflectionResponse> {
  switch (request.messageRequest) {
    case 'listServices':
      return { listServicesResponse: { service: descriptors.services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return fileAnswer(descriptors, request.fileByFilename, `there is no file ${request.fileByFilename ?? ''}`);
    case 'fileContainingSymbol': {
      const symbol = request.fileContainingSymbol ?? '';
      return fileAnswer(descriptors, descriptors.fileOfSymbol.get(symbol), `there is no ${symbol}`);
    }
    case 'fileContainingExtension': {
      const { containingType = '', extensionNumber = 0 } = request.fileContainingExtension ?? {};
      const file = descriptors.extensions.get(containingType)?.get(extensionNumber);
      return fileAnswer(descriptors, file, `there is no extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      const type = request.allExtensionNumbersOfType ?? '';
      if (!descriptors.fileOfSymbol.has(type)) return refusal(grpc.NOT_FOUND, `there is no ${type}`);
      const extensionNumber = [...(descriptors.extensions.get(type)?.keys() ?? [])];
      return { allExtensionNumbersResponse: { baseTypeName: type, extensionNumber } };
    }
    case undefined:
      return refusal(grpc.INVALID_ARGUMENT, 'nothing was asked');
  }
}

function fileAnswer({ files }: Descriptors, name: string | undefined, missing: string): Init<ReflectionResponse> {
  if (name === undefined || !files.has(name)) return refusal(grpc.NOT_FOUND, missing);
  // A set keeps its order, and iterating it also visits elements that are added meanwhile.
  const names = new Set([name]);
  for (const each of names) for (const imported of files.get(each)?.imports ?? []) names.add(imported);
  const fileDescriptorProto = [...names].flatMap((each) => files.get(each)?.bytes ?? []);
  return { fileDescriptorResponse: { fileDescriptorProto } };
}

function refusal(errorCode: grpc, errorMessage: string): Init<ReflectionResponse> {
  return { errorResponse: { errorCode, errorMessage } };
}
