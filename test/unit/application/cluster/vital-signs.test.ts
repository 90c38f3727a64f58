// Signs of life: in trouble from the first failure to the next success, and no longer than failures are fresh.
import { describe, expect, it } from 'vitest';
import { VitalSigns } from '../../../../src/application/cluster/vital-signs.ts';

describe('VitalSigns', () => {
  it('tells what fails, since when, with the newest reason, until it succeeds', () => {
    let nowMs = 1_000;
    const signs = new VitalSigns({ monotonicMs: () => nowMs });
    expect(signs.troubles()).toEqual([]);
    signs.failed('WORK', 'not confirmed');
    signs.ok('EVENTS');
    nowMs = 9_000;
    signs.failed('WORK', 'no space left');
    signs.failed('store', 'the disk is full');
    expect(signs.troubles()).toEqual([
      { sign: 'WORK', reason: 'the stream of work takes no messages: no space left', sinceMs: 1_000 },
      { sign: 'store', reason: 'the store takes no writes: the disk is full', sinceMs: 9_000 },
    ]);
    signs.ok('WORK');
    expect(signs.troubles()).toMatchObject([{ sign: 'store' }]);
  });

  it('forgets a failure that nobody has repeated, and begins anew with the next', () => {
    let nowMs = 0;
    const signs = new VitalSigns({ monotonicMs: () => nowMs });
    signs.failed('WORK', 'not confirmed');
    nowMs = 30_000;
    expect(signs.troubles()).toHaveLength(1);
    nowMs = 30_001;
    expect(signs.troubles()).toEqual([]);
    signs.failed('WORK', 'not confirmed');
    expect(signs.troubles()).toMatchObject([{ sinceMs: 30_001 }]);
  });

  it('tells each part of a service by itself, and one that is used no more keeps no other in trouble', () => {
    let nowMs = 0;
    const signs = new VitalSigns({ monotonicMs: () => nowMs });
    signs.failed('EVENTS', 'not confirmed', 'X_EVENTS_1');
    signs.failed('EVENTS', 'sealed', 'X_EVENTS_2');
    signs.ok('EVENTS');
    signs.ok('EVENTS', 'X_EVENTS_2');
    const reason = 'the stream of events takes no messages: X_EVENTS_1: not confirmed';
    expect(signs.troubles()).toEqual([{ sign: 'EVENTS', reason, sinceMs: 0 }]);
    nowMs = 30_001;
    signs.failed('EVENTS', 'not confirmed', 'X_EVENTS_2');
    expect(signs.troubles()).toMatchObject([{ sinceMs: 30_001 }]);
    signs.ok('EVENTS', 'X_EVENTS_2');
    expect(signs.troubles()).toEqual([]);
  });
});
