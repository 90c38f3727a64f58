/** Payloads that clients read and write at the object store themselves. Only links and what is said of them pass here. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { payloadPartBytes } from '../application/ports/payload-store.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { toTime } from '../contract/time.ts';
import { TroupeError } from '../domain/errors.ts';
import type { JobRequest } from '../application/jobs/job-request.ts';
import { answerAccepted } from './accepted-job.ts';
import { fromPayloadChoice, fromSubmitRequest } from './job-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function linkMethods({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  return {
    GetPayloadLink: scope.read('GetPayloadLink', async ({ jobId, payload }, context) => {
      const link = await useCases.getPayloadLink(context, { jobId, which: fromPayloadChoice(payload) });
      const { url, expiresAtMs, bytes, sha256, encoding } = link;
      const summary = { sizeBytes: bytes, sha256, json: encoding === 'json' };
      return { url, expireTime: toTime(expiresAtMs), summary };
    }),

    BeginUpload: scope.unary('BeginUpload', async ({ submit, inputSizeBytes, inputSha256: sha256 }, context) => {
      const announced = { request: requestIn(submit), inputBytes: numberOf(inputSizeBytes), sha256 };
      const { uploadId, link, submitByMs } = await admission.submit(context.tenant, { jobs: 1, bytes: 0 }, () =>
        useCases.uploads.begin(context, announced),
      );
      const { url, headers, expiresAtMs } = link;
      return { uploadId, url, headers, linkExpireTime: toTime(expiresAtMs), submitBeforeTime: toTime(submitByMs) };
    }),

    SubmitUploadedJob: scope.unary('SubmitUploadedJob', async ({ submit, uploadId }, context) => {
      const request = requestIn(submit);
      // The store may keep no checksum. Then all of the upload is read, a part at a time.
      return admission.submit(context.tenant, { jobs: 1, bytes: payloadPartBytes }, async () =>
        answerAccepted(context, await useCases.uploads.submit(context, { request, uploadId })),
      );
    }),
  };
}

function requestIn(submit: wire.SubmitJobRequest | null): JobRequest {
  if (submit) return fromSubmitRequest(submit);
  throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'submit', description: 'is required' }] });
}
