// Which reads are in the audit log already.
import { describe, expect, it } from 'vitest';
import { readKeyOf, RepeatedReads } from '../../../../src/gateway/audit/repeated-reads.ts';
import { createManualClock } from '../../application/manual-clock.ts';

describe('a read that is repeated', () => {
  it('is known for a minute', () => {
    const clock = createManualClock();
    const reads = new RepeatedReads(clock);
    expect(reads.has('a')).toBe(false);
    reads.add('a', clock.monotonicMs());
    clock.advance(59_999);
    expect(reads.has('a')).toBe(true);
    clock.advance(1);
    expect(reads.has('a')).toBe(false);
  });

  it('is one of the last 10,000', () => {
    const reads = new RepeatedReads(createManualClock());
    for (let n = 0; n < 10_001; n += 1) reads.add(String(n), 0);
    expect([reads.has('0'), reads.has('1'), reads.has('10000')]).toEqual([false, true, true]);
  });
});

it('is told from others by caller, address, reason, method and the whole request, not by its id', () => {
  const call = { method: 'GetJob', address: '10.0.0.1', requestId: 'one', principal: 'a', reason: 'why' };
  const request = { jobIds: ['x'.repeat(400), 'y'] };
  const key = readKeyOf(call, request);
  expect(readKeyOf({ ...call, requestId: 'two' }, request)).toBe(key);
  const others = [
    readKeyOf({ ...call, principal: 'b' }, request),
    readKeyOf({ ...call, address: '10.0.0.2' }, request),
    readKeyOf({ ...call, reason: 'other' }, request),
    readKeyOf({ ...call, method: 'GetJobLog' }, request),
    readKeyOf(call, { jobIds: ['x'.repeat(400), 'z'] }),
  ];
  expect(new Set([key, ...others]).size).toBe(6);
});
