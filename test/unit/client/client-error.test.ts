/** Errors of calls that the gateway said nothing about: what the connection or the library made of them. */
import { Metadata, status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { errorOfCall } from '../../../src/client/client-error.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import { createStatusCodec } from '../../../src/contract/error-details.ts';

const codec = createStatusCodec(loadContract());

it.each([
  ['the connection broke', status.UNAVAILABLE, 'GATEWAY_UNAVAILABLE', true],
  ['the stream was reset', status.INTERNAL, 'GATEWAY_UNAVAILABLE', true],
  ['too late', status.DEADLINE_EXCEEDED, 'CALL_DEADLINE_EXCEEDED', true],
  ['the caller gave up', status.CANCELLED, 'CALL_CANCELLED', false],
  ['Bandwidth exhausted or memory limit exceeded', status.RESOURCE_EXHAUSTED, 'OVERLOADED', true],
  ['Received message larger than max (9 vs. 8)', status.RESOURCE_EXHAUSTED, 'UNEXPECTED_STATUS', false],
  ['something strange', status.DATA_LOSS, 'UNEXPECTED_STATUS', false],
])('%s: nobody knows how far it got', (details, code, expected, retryable) => {
  const error = errorOfCall(codec, Object.assign(new Error(details), { code, details, metadata: new Metadata() }));
  expect(error).toMatchObject({ code: expected, retryable, outcome: 'unknown' });
});
