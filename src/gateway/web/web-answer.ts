/** Answers of the door for JSON: messages, and errors in the form of Connect's unary protocol. */
import { status as grpc } from '@grpc/grpc-js';
import { type StatusCodec, statusTrailer } from '../../contract/error-details.ts';
import type { JsonContract } from '../../contract/json-methods.ts';
import type { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { GrpcFailure, StatusMapper } from '../status-mapper.ts';

export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Codes of gRPC in the words of Connect, each with its status of HTTP. */
const codes: Readonly<Record<Exclude<grpc, grpc.OK>, readonly [code: string, httpStatus: number]>> = {
  [grpc.CANCELLED]: ['canceled', 499],
  [grpc.UNKNOWN]: ['unknown', 500],
  [grpc.INVALID_ARGUMENT]: ['invalid_argument', 400],
  [grpc.DEADLINE_EXCEEDED]: ['deadline_exceeded', 504],
  [grpc.NOT_FOUND]: ['not_found', 404],
  [grpc.ALREADY_EXISTS]: ['already_exists', 409],
  [grpc.PERMISSION_DENIED]: ['permission_denied', 403],
  [grpc.RESOURCE_EXHAUSTED]: ['resource_exhausted', 429],
  [grpc.FAILED_PRECONDITION]: ['failed_precondition', 400],
  [grpc.ABORTED]: ['aborted', 409],
  [grpc.OUT_OF_RANGE]: ['out_of_range', 400],
  [grpc.UNIMPLEMENTED]: ['unimplemented', 501],
  [grpc.INTERNAL]: ['internal', 500],
  [grpc.UNAVAILABLE]: ['unavailable', 503],
  [grpc.DATA_LOSS]: ['data_loss', 500],
  [grpc.UNAUTHENTICATED]: ['unauthenticated', 401],
};

export interface WebAnswers {
  message(json: string, requestId: string): WebAnswer;
  failure(failure: GrpcFailure, requestId: string): WebAnswer;
  error(error: TroupeError, requestId: string): WebAnswer;
}

export interface WebAnswersParts {
  readonly statusCodec: StatusCodec;
  readonly mapper: StatusMapper;
  readonly json: Pick<JsonContract, 'readable'>;
}

export function createWebAnswers({ statusCodec, mapper, json }: WebAnswersParts): WebAnswers {
  function failureAnswer({ code, details: message, metadata }: GrpcFailure, requestId: string): WebAnswer {
    const packed = metadata.get(statusTrailer)[0];
    const status = Buffer.isBuffer(packed) ? statusCodec.status.decode(packed) : undefined;
    const details = status?.details.map(({ type_url: url, value }) => {
      const type = url.slice(url.lastIndexOf('/') + 1);
      const bytes = Buffer.from(value);
      return { type, value: bytes.toString('base64').replace(/=+$/, ''), debug: json.readable(type, bytes) };
    });
    const [word, httpStatus] = codes[code === grpc.OK ? grpc.UNKNOWN : code];
    const retryAfter = status && retryAfterOf(statusCodec, status);
    return {
      status: httpStatus,
      headers: {
        ...jsonHeaders(requestId),
        ...given({
          'retry-after': retryAfter,
          'www-authenticate': code === grpc.UNAUTHENTICATED ? 'Bearer realm="troupe"' : undefined,
        }),
      },
      body: JSON.stringify(given({ code: word, message, details })),
    };
  }

  return {
    message: (body, requestId) => ({ status: 200, headers: jsonHeaders(requestId), body }),
    failure: failureAnswer,
    error: (error, requestId) => failureAnswer(mapper.toFailure(error, requestId), requestId),
  };
}

/** What is refused before it is a call. Words and statuses are not always a pair of the table. */
export function refusal(
  httpStatus: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): WebAnswer {
  return {
    status: httpStatus,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ code, message }),
  };
}

function jsonHeaders(requestId: string): Readonly<Record<string, string>> {
  return { 'content-type': 'application/json', 'x-request-id': requestId };
}

/** Whole seconds, as HTTP counts. */
function retryAfterOf(codec: StatusCodec, status: Parameters<StatusCodec['unpack']>[0]): string | undefined {
  for (const detail of codec.unpack(status)) {
    if (detail.name !== 'RetryInfo' || detail.value.retryDelay === null) continue;
    const { seconds, nanos } = detail.value.retryDelay;
    return String(Math.max(1, Number(seconds) + Math.ceil(nanos / 1e9)));
  }
  return undefined;
}
