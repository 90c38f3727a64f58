/**
 * Answers that are no message of the contract. What a deserializer throws becomes a status like that of a reset stream,
 * and would be repeated as one; so it hands on the error, and the call ends with UNDECODABLE_ANSWER.
 */
import type { MethodCodec } from '../contract/codec.ts';
import { undecodable } from './client-error.ts';

class UndecodableAnswer {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

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

/** Throws UNDECODABLE_ANSWER. */
export function answerOf<Response>(answer: Answer<Response>): Response {
  if (answer instanceof UndecodableAnswer) throw undecodable(answer.cause);
  return answer;
}
