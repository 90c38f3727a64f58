import { afterEach, describe, expect, it } from 'vitest';
import { jsonBytes } from '../../../src/application/protocol/json-bytes.ts';
import { eraseJob } from '../../../src/domain/payload-life.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { type ClosableJobCache, createJobCache, type JobCacheOptions } from '../../../src/gateway/job-cache.ts';
import { testRecord } from '../../support/jobs.ts';

const nowMs = 1_700_000_000_000;
const counts = new Map<string, number>();
const telemetry: JobCacheOptions['telemetry'] = {
  counter: () => ({
    add: (amount = 1, labels = {}) =>
      void counts.set(labels['result'] ?? '', (counts.get(labels['result'] ?? '') ?? 0) + amount),
  }),
  gauge: () => ({ set: () => undefined, remove: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
};

let cache: ClosableJobCache | undefined;
afterEach(() => cache?.close());

function open(options: Partial<JobCacheOptions> = {}): ClosableJobCache {
  cache = createJobCache({ telemetry, nowMs: () => nowMs, ...options });
  return cache;
}

function finished(unique: number): JobRecord {
  return { ...testRecord({}, { nowMs, unique: BigInt(unique) }), state: 'SUCCEEDED' };
}

describe('cache of finished jobs', () => {
  it('keeps the record whose payloads were erased, also when an older one comes after it', () => {
    const jobs = open();
    const record = finished(1);
    const erased = eraseJob(record, nowMs);
    jobs.put(record);
    jobs.replace(erased);
    jobs.put(record);
    expect(jobs.get(record.id)).toBe(erased);
    expect(jobs.bytes()).toBe(jsonBytes(erased));
  });

  it('gives back what it was given, and counts', () => {
    const jobs = open();
    const record = finished(1);
    counts.clear();
    expect(jobs.get(record.id)).toBeUndefined();
    jobs.put(record);
    expect(jobs.get(record.id)).toBe(record);
    expect(Object.fromEntries(counts)).toEqual({ miss: 1, hit: 1 });
  });

  it('never holds a job that may still change, nor one past its retention', () => {
    const jobs = open({ nowMs: () => nowMs + 3_600_000 });
    const open_ = testRecord({}, { nowMs, unique: 1n });
    jobs.put(open_);
    jobs.put(finished(2));
    expect(jobs.get(open_.id)).toBeUndefined();
    expect(jobs.get(finished(2).id)).toBeUndefined();
    expect(jobs.bytes()).toBe(0);
  });

  it('lets the oldest go when there are too many', () => {
    const jobs = open({ maxJobs: 2 });
    for (const unique of [1, 2, 3]) jobs.put(finished(unique));
    expect([1, 2, 3].map((unique) => jobs.get(finished(unique).id) !== undefined)).toEqual([false, true, true]);
  });

  it('is bounded in bytes', () => {
    const bytes = jsonBytes(finished(1));
    const jobs = open({ maxBytes: 2 * bytes + 10 });
    for (const unique of [1, 2, 3]) jobs.put(finished(unique));
    expect(jobs.bytes()).toBe(2 * bytes);
    expect(jobs.get(finished(1).id)).toBeUndefined();
    const giant: JobRecord = { ...finished(9), cancelReason: 'x'.repeat(3 * bytes) };
    jobs.put(giant);
    expect(jobs.get(giant.id)).toBeUndefined();
    expect(jobs.bytes()).toBe(2 * bytes);
  });

  it('counts a job once, however often it is put', () => {
    const jobs = open();
    jobs.put(finished(1));
    jobs.put(finished(1));
    expect(jobs.bytes()).toBe(jsonBytes(finished(1)));
  });
});
