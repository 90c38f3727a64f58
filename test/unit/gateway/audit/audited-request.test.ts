import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { callersReason, requestFacts } from '../../../../src/gateway/audit/audited-request.ts';

describe('what a request is about', () => {
  it('is its names, and nothing of its payload', () => {
    const job = { handler: 'h', queue: 'q', input: { json: 'secret' }, labels: { a: 'secret' } };
    expect(requestFacts({ job, idempotencyKey: 'secret' })).toEqual({ queue: 'q', handler: 'h' });
    expect(requestFacts({ jobId: 'j', queue: '', keyId: 'k', account: 'a' })).toEqual({
      job: 'j',
      key: 'k',
      account: 'a',
    });
    expect(requestFacts({ filter: { states: ['FAILED'] } })).toEqual({ filter: '{"states":["FAILED"]}' });
    for (const nothing of [undefined, null, 7, {}, { filter: {} }, { name: new Uint8Array(3) }]) {
      expect(requestFacts(nothing)).toBeUndefined();
    }
  });

  it('is read from the request alone, and cut', () => {
    expect(requestFacts(Object.create({ jobId: 'inherited' }))).toBeUndefined();
    expect(requestFacts({ name: '__proto__' })).toEqual({ name: '__proto__' });
    expect(requestFacts({ name: 'x'.repeat(1_000) })?.['name']).toHaveLength(256);
  });

  it('holds no more memory than it has, however long the request was', () => {
    const heldBytes = (): number => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const beforeBytes = heldBytes();
    const facts = Array.from({ length: 200 }, (_, n) => {
      const text = Buffer.alloc(200_000, `${n} `).toString();
      return [requestFacts({ name: text, filter: { handler: text } }), callersReason(new Metadata(), { reason: text })];
    });
    expect(heldBytes() - beforeBytes).toBeLessThan(10_000_000);
    expect(facts).toHaveLength(200);
  });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('the reason of a caller', () => {
  it('is that of the header, or else that of the request, cut at 500 characters', () => {
    const metadata = new Metadata();
    expect(callersReason(metadata, {})).toBeUndefined();
    expect(callersReason(metadata, { reason: 'asked' })).toBe('asked');
    metadata.set('troupe-reason', 'ticket 4711');
    expect(callersReason(metadata, { reason: 'asked' })).toBe('ticket 4711');
    metadata.set('troupe-reason-bin', Buffer.from('übel'));
    expect(callersReason(metadata, {})).toBe('übel');
    metadata.set('troupe-reason-bin', Buffer.from('x'.repeat(5_000)));
    expect(callersReason(metadata, {})).toHaveLength(500);
  });
});
