/** A call that streams messages to a gateway, no faster than the gateway accepts them. */
import { Readable } from 'node:stream';
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js';
import type { Init, MethodCodec } from '../contract/codec.ts';
import { onAbort } from './abort.ts';
import { type Answer, answerReader } from './answers.ts';

export interface UploadCall<Request, Response> {
  readonly method: MethodCodec<Request, Response>;
  readonly messages: AsyncIterable<Init<Request>>;
  readonly metadata: Metadata;
  /** Epoch ms. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Rejects with the error that `messages` throws, otherwise with the ServiceError of the call. `messages` is always
 * closed.
 */
export async function uploadCall<Request, Response>(
  client: Client,
  { method, messages, metadata, deadline, signal }: UploadCall<Request, Response>,
): Promise<Answer<Response>> {
  // Read one message ahead. gRPC buffers up to 16 more.
  const source = Readable.from(messages, { highWaterMark: 1 });
  const answer = Promise.withResolvers<Answer<Response>>();
  const call = client.makeClientStreamRequest(
    method.path,
    method.requestSerialize,
    answerReader(method),
    metadata,
    { deadline },
    (error: ServiceError | null, response?: Answer<Response>) => {
      // Without an error there is an answer.
      if (error === null) answer.resolve(response as Answer<Response>);
      else answer.reject(error);
    },
  );
  const stopListening = onAbort(signal, () => call.cancel());
  source.once('error', (error) => {
    answer.reject(error);
    call.cancel();
  });
  source.pipe(call as NodeJS.WritableStream);
  try {
    return await answer.promise;
  } finally {
    stopListening();
    source.destroy();
  }
}
