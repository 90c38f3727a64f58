import { status as grpc } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { errorOfCall, errorOfStatus } from '../../../src/client/client-error.ts';
import { loadContract } from '../../../src/contract/codec.ts';
import { createStatusCodec } from '../../../src/contract/error-details.ts';
import { type ErrorCode, errorRegistry, TroupeError } from '../../../src/domain/errors.ts';
import { createStatusMapper, statusTable } from '../../../src/gateway/status-mapper.ts';

const codec = createStatusCodec(loadContract());
const mapper = createStatusMapper(codec);

/** Through the trailer, as a client gets it. */
function overTheWire(error: TroupeError) {
  const failure = mapper.toFailure(error, 'request-1');
  return errorOfCall(codec, Object.assign(new Error('call failed'), failure));
}

describe('status mapper', () => {
  it.each(Object.keys(errorRegistry) as ErrorCode[])('%s arrives at the client as it left', (code) => {
    const sent = new TroupeError(code, {
      message: `about ${code}`,
      metadata: { jobId: 'j1', queue: 'q1', handler: 'h1' },
      violations: [{ field: 'job.handler', description: 'is required' }],
      retryAfterMs: 1_234,
    });
    const got = overTheWire(sent);
    expect(got).toMatchObject({
      code,
      message: `about ${code}`,
      status: grpc[statusTable[code].status],
      retryable: errorRegistry[code].retryable,
      retryAfterMs: 1_234,
      requestId: 'request-1',
    });
    if (code !== 'INTERNAL_ERROR') expect(got.metadata).toMatchObject(sent.metadata);
    if (statusTable[code].extra === 'field') expect(got.violations).toEqual(sent.violations);
    const item = errorOfStatus(codec, codec.status.decode(codec.status.encode(mapper.toStatus(sent, 'request-1'))));
    expect([
      item.code,
      item.message,
      item.status,
      item.outcome,
      item.retryAfterMs,
      item.metadata,
      item.violations,
    ]).toEqual([...[got.code, got.message, got.status, got.outcome, got.retryAfterMs, got.metadata, got.violations]]);
  });

  it('says what is known of the effect', () => {
    const outcome = (code: ErrorCode, metadata = {}) => overTheWire(new TroupeError(code, { metadata })).outcome;
    expect(outcome('SHARD_UNAVAILABLE')).toBe('none');
    expect(outcome('OUTCOME_UNKNOWN')).toBe('unknown');
    expect(outcome('CALL_DEADLINE_EXCEEDED', { outcome: 'none' })).toBe('none');
    expect(outcome('CALL_DEADLINE_EXCEEDED', { outcome: 'unknown' })).toBe('unknown');
    expect(outcome('INTERNAL_ERROR')).toBe('unknown');
  });

  it('keeps what went wrong inside from the client', () => {
    const failure = mapper.toFailure(TroupeError.from(new Error('secret of the store')), 'request-1');
    const bytes = failure.metadata.get('grpc-status-details-bin')[0] as Buffer;
    expect(failure.details).toBe('internal error');
    expect(bytes.toString('latin1')).not.toContain('secret');
    expect(bytes.toString('latin1')).toContain('request-1');
  });
});
