/** Payloads as streams. A download takes the place of a watch while it lasts. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { DownloadQuery } from '../application/download-payload.ts';
import { payloadChoiceCodes } from '../contract/job-codes.ts';
import type * as wire from '../contract/messages.ts';
import { TroupeError } from '../domain/errors.ts';
import type { ServiceParts } from './service-parts.ts';

export function payloadMethods({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  return {
    DownloadPayload: scope.stream<wire.DownloadPayloadRequest, wire.DownloadPayloadResponse>(
      'DownloadPayload',
      ({ jobId, payload, offset }, context) =>
        admission.watch(
          () => useCases.downloadPayload(context, { jobId, which: choiceOf(payload), offset }),
          ({ offset: at, bytes, whole }) => ({
            summary: whole && { size: whole.bytes, sha256: whole.sha256, json: whole.encoding === 'json' },
            offset: at,
            chunk: bytes,
          }),
        ),
    ),
  };
}

function choiceOf(code: number): DownloadQuery['which'] {
  if (code === 0 || code === payloadChoiceCodes.output) return 'output';
  if (code === payloadChoiceCodes.input) return 'input';
  throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'payload', description: `there is no ${code}` }] });
}
