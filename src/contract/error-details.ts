/**
 * `google.rpc.Status` with its details, which is the content of the trailer `grpc-status-details-bin`. Gateway and
 * client both use it.
 */
import type { Contract, Init, MessageCodec } from './codec.ts';
import type { Duration, Status } from './messages.ts';

export const statusTrailer = 'grpc-status-details-bin';
export const errorDomain = 'troupe';

interface DetailMessages {
  readonly ErrorInfo: {
    readonly reason: string;
    readonly domain: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
  readonly BadRequest: {
    readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
  };
  readonly RetryInfo: { readonly retryDelay: Duration | null };
  readonly ResourceInfo: { readonly resourceType: string; readonly resourceName: string; readonly description: string };
  readonly PreconditionFailure: {
    readonly violations: readonly { readonly type: string; readonly subject: string; readonly description: string }[];
  };
  readonly QuotaFailure: { readonly violations: readonly { readonly subject: string; readonly description: string }[] };
  readonly RequestInfo: { readonly requestId: string };
}
type DetailName = keyof DetailMessages;
export type Detail = {
  readonly [N in DetailName]: { readonly name: N; readonly value: DetailMessages[N] };
}[DetailName];

const detailNames = [
  'ErrorInfo',
  'BadRequest',
  'RetryInfo',
  'ResourceInfo',
  'PreconditionFailure',
  'QuotaFailure',
  'RequestInfo',
] as const satisfies readonly DetailName[];

export interface StatusCodec {
  /** Encodes the details. The result is also the form of errors inside batch responses. */
  pack(status: { readonly code: number; readonly message: string; readonly details: readonly Detail[] }): Init<Status>;
  /** Decodes the details. Kinds that are not known here are skipped. */
  unpack(status: Status): readonly Detail[];
  readonly status: MessageCodec<Status>;
}

const typeUrlPrefix = 'type.googleapis.com/google.rpc.';

export function createStatusCodec(contract: Contract): StatusCodec {
  const codecs = new Map<string, MessageCodec<unknown>>(
    detailNames.map((name) => [name, contract.message<unknown>(`google.rpc.${name}`)]),
  );
  return {
    status: contract.message<Status>('google.rpc.Status'),
    pack: ({ code, message, details }) => ({
      code,
      message,
      details: details.flatMap(({ name, value }) => {
        const codec = codecs.get(name);
        return codec ? [{ type_url: typeUrlPrefix + name, value: codec.encode(value) }] : [];
      }),
    }),
    unpack: (status) =>
      status.details.flatMap((any) => {
        const name = any.type_url.slice(typeUrlPrefix.length);
        const codec = any.type_url.startsWith(typeUrlPrefix) ? codecs.get(name) : undefined;
        return codec ? [{ name, value: codec.decode(any.value) } as Detail] : [];
      }),
  };
}
