/**
 * Payloads as streams. Admission counts a download as a watch, and an upload as a submit of one job that holds
 * `uploadHeldBytes`, and what the store of its input holds.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { chunkBytes } from '../application/jobs/download-payload.ts';
import { payloadPartBytes } from '../application/ports/payload-store.ts';
import type { InputPiece, StreamedRequest } from '../application/jobs/streamed-input.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { TroupeError } from '../domain/errors.ts';
import { answerAccepted } from './accepted-job.ts';
import { fromPayloadChoice, fromSubmitRequest } from './job-mapper.ts';
import { pieceMaxBytes } from './readable-requests.ts';
import type { ServiceParts } from './service-parts.ts';

/** Messages that gRPC reads ahead. */
const readAhead = 16;
/** Bytes that an upload holds, whatever it is: the part being filled, and what gRPC has read ahead. */
const uploadHeldBytes = payloadPartBytes + readAhead * pieceMaxBytes;

export function payloadMethods({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  return {
    SubmitJobStream: scope.upload('SubmitJobStream', (messages, context) =>
      admission.submit(context.tenant, { jobs: 1, bytes: uploadHeldBytes }, async (more) => {
        const pieces = messages[Symbol.asyncIterator]();
        const open = openingOf(await pieces.next());
        more(useCases.submit.streamHolds(open.inputBytes));
        return answerAccepted(context, await useCases.submit.streamed(context, open, piecesOf(pieces)));
      }),
    ),

    DownloadPayload: scope.stream('DownloadPayload', ({ jobId, payload, offset }, context) =>
      admission.download(
        context.tenant,
        () => useCases.downloadPayload(context, { jobId, which: fromPayloadChoice(payload), offset: numberOf(offset) }),
        ({ offset: at, bytes, whole }) => ({
          summary: whole && { sizeBytes: whole.bytes, sha256: whole.sha256, json: whole.encoding === 'json' },
          offset: at,
          chunk: bytes,
        }),
      ),
    ),
  };
}

function openingOf(first: IteratorResult<wire.SubmitJobStreamRequest, unknown>): StreamedRequest {
  const open = first.done === true ? undefined : first.value.open;
  if (!open) throw invalid('open', 'is required in the first message');
  const { submit, inputSizeBytes } = open;
  if (!submit) throw invalid('open.submit', 'is required');
  return { request: fromSubmitRequest(submit), inputBytes: numberOf(inputSizeBytes) };
}

async function* piecesOf(
  messages: AsyncIterator<wire.SubmitJobStreamRequest, unknown>,
): AsyncGenerator<InputPiece, void> {
  for (;;) {
    const next = await messages.next();
    if (next.done === true) return;
    const { part, chunk, sha256 } = next.value;
    if (chunk !== undefined && chunk.length > chunkBytes) {
      throw invalid('chunk', `must hold at most ${chunkBytes} bytes, not ${chunk.length}`);
    }
    if (part === 'chunk' && chunk) yield { kind: 'chunk', bytes: chunk };
    else if (part === 'sha256' && sha256) yield { kind: 'sha256', sha256 };
    else throw invalid('part', 'must be chunk or sha256 after the first message');
  }
}

function invalid(field: string, description: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { violations: [{ field, description }] });
}
