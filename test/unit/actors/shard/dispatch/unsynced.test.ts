import { describe, expect, it } from 'vitest';
import { type OutboxTask, Unsynced } from '../../../../../src/actors/shard/dispatch/unsynced.ts';
import { composeJobId } from '../../../../../src/domain/job-id.ts';

const jobId = composeJobId({ createdAtMs: 1, shard: 1, queueNo: 1 }, 1n);

function event(seq: number, atMs: number, bucket = 1): OutboxTask {
  const place = { tenant: 'default', queue: 'default' };
  return { kind: 'event', atMs, bucket, event: { jobId, seq, type: 'queued', atMs, data: {}, ...place } };
}

describe('what JetStream has confirmed and may still lose', () => {
  it('is kept for as long as a power cut could take it, and holds back watermark and seal', () => {
    const unsynced = new Unsynced(10_000, 100);
    unsynced.keep(event(1, 500, 7), 1_000);
    unsynced.keep(event(2, 400, 8), 5_000);
    unsynced.expire(10_999);
    expect([unsynced.oldestAtMs('event'), unsynced.oldestAtMs('work')]).toEqual([400, Infinity]);
    expect([unsynced.holds(7), unsynced.holds(8), unsynced.holds(9)]).toEqual([true, true, false]);
    unsynced.expire(12_500);
    expect(unsynced.holds(7)).toBe(false);
    expect(unsynced.takeAll()?.map(({ atMs }) => atMs)).toEqual([400]);
    expect([unsynced.takeAll(), unsynced.oldestAtMs('event')]).toEqual([[], Infinity]);
  });

  it('is nothing when a server writes before it confirms', () => {
    const unsynced = new Unsynced(0, 100);
    unsynced.keep(event(1, 500), 1_000);
    expect([unsynced.holds(1), unsynced.takeAll()]).toEqual([false, []]);
  });

  it('past its bound is forgotten but for its times, and then it is not told again as if it were all', () => {
    const unsynced = new Unsynced(10_000, 10);
    for (let second = 0; second < 5; second += 1) {
      for (let seq = 0; seq < 4; seq += 1) unsynced.keep(event(seq, 100 + second), second * 1_000);
    }
    expect(unsynced.takeAll()).toBeUndefined();
    expect([unsynced.oldestAtMs('event'), unsynced.holds(1)]).toEqual([100, true]);
    // Once what was forgotten is written, the rest is all.
    unsynced.expire(13_500);
    expect(unsynced.takeAll()?.map(({ atMs }) => atMs)).toEqual([103, 103, 103, 103, 104, 104, 104, 104]);
  });

  it('takes the room of an interval, however long the server is not heard of, and keeps order and times', () => {
    const unsynced = new Unsynced(10_000, 50_000);
    for (let second = 0; second < 40_000; second += 1)
      unsynced.keep(event(second, second, second % 60), second * 1_000);
    expect(unsynced.spans).toBe(26);
    expect([unsynced.oldestAtMs('event'), unsynced.holds(0), unsynced.holds(59)]).toEqual([0, true, true]);
    // What became one span goes with the last of its seconds.
    unsynced.expire(39_974_000);
    expect(unsynced.oldestAtMs('event')).toBe(0);
    const told = unsynced.takeAll()?.map(({ atMs }) => atMs);
    expect(told).toEqual(Array.from({ length: 40_000 }, (_, second) => second));
  });

  it('that was forgotten meanwhile stays forgotten, and counts for nothing', () => {
    const unsynced = new Unsynced(10_000, 100);
    for (let second = 0; second < 1_000; second += 1) unsynced.keep(event(second, second), second * 1_000);
    expect([unsynced.spans, unsynced.takeAll(), unsynced.oldestAtMs('event')]).toEqual([26, undefined, 0]);
    unsynced.expire(999_000 - 11_000);
    expect(unsynced.takeAll()).toHaveLength(22);
  });
});
