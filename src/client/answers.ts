/**
 * Decodes answers. gRPC turns an exception of a deserializer into the status of a reset stream, which would be retried.
 * So the deserializer returns the error as a value, and the call then rejects with UNDECODABLE_ANSWER.
 */
import type { MethodCodec } from '../contract/codec.ts';
import { undecodable } from './client-error.ts';

class UndecodableAnswer {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** A decoded answer, or the reason why it could not be decoded. */
export type Answer<Response> = Response | UndecodableAnswer;

export function answerReader<Response>({
  responseDeserialize,
}: Pick<MethodCodec<never, Response>, 'responseDeserialize'>): (bytes: Buffer) => Answer<Response> {
  return (bytes) => {
    try {
      return responseDeserialize(bytes);
    } catch (error) {
      return new UndecodableAnswer(error);
    }
  };
}

/** Returns the decoded answer. Throws UNDECODABLE_ANSWER if it could not be decoded. */
export function answerOf<Response>(answer: Answer<Response>): Response {
  if (answer instanceof UndecodableAnswer) throw undecodable(answer.cause);
  return answer;
}
