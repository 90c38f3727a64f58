import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bucketOf,
  composeJobId,
  createJobIdGenerator,
  idsPerMsMax,
  idTimeMaxMs,
  isJobId,
  type JobId,
  jobIdOf,
  jobIdParts,
  jobRank,
  maxQueueNo,
  parseJobId,
  uniquePartOf,
} from '../../../src/domain/job-id.ts';

const parts = fc.record({
  createdAtMs: fc.integer({ min: 0, max: idTimeMaxMs }),
  shard: fc.integer({ min: 0, max: 4095 }),
  queueNo: fc.integer({ min: 0, max: maxQueueNo }),
});

describe('job id', () => {
  it('gives back its parts, whatever they are', () => {
    fc.assert(
      fc.property(parts, fc.bigInt({ min: 0n, max: 2n ** 42n - 1n }), (given, unique) => {
        const id = composeJobId(given, unique);
        expect(parseJobId(id)).toBe(id);
        expect(jobIdParts(id)).toEqual(given);
        expect(bucketOf(id)).toBe(Math.floor(given.createdAtMs / 60_000));
      }),
    );
  });

  it('is the same after its parts are put together again, whoever made it', () => {
    const hex = (digits: number) => fc.nat({ max: 16 ** digits - 1 }).map((n) => n.toString(16).padStart(digits, '0'));
    const variant = fc.constantFrom('8', '9', 'a', 'b');
    const lastMinute = idTimeMaxMs.toString(16).padStart(12, '0');
    const time = fc.oneof(
      fc.tuple(hex(6), hex(6)).map(([high, low]) => high + low),
      fc.constantFrom('0'.repeat(12), lastMinute),
    );
    const text = fc
      .tuple(time, hex(3), variant, hex(3), hex(6), hex(6))
      .map(
        ([ms, shard, first, group4, high, low]) =>
          `${ms.slice(0, 8)}-${ms.slice(8)}-7${shard}-${first}${group4}-${high}${low}`,
      )
      .filter(isJobId);
    const again = (id: JobId) => jobIdOf(jobIdParts(id), uniquePartOf(id));
    fc.assert(
      fc.property(text, (id) => {
        expect(again(id)).toBe(id);
      }),
    );
    const greatest = `${lastMinute.slice(0, 8)}-${lastMinute.slice(8)}-7fff-bfff-ffffffffffff` as JobId;
    for (const id of ['00000000-0000-7000-8000-000000000000' as JobId, greatest]) {
      expect(isJobId(id)).toBe(true);
      expect(again(id)).toBe(id);
    }
    expect(uniquePartOf(greatest)).toBe(2 ** 42 - 1);
  });

  it('says the unique part that it was made with', () => {
    fc.assert(
      fc.property(parts, fc.bigInt({ min: 0n, max: 2n ** 42n - 1n }), (given, unique) => {
        expect(uniquePartOf(composeJobId(given, unique))).toBe(Number(unique));
      }),
    );
  });

  it('is a UUID of version 7', () => {
    const id = composeJobId({ createdAtMs: 1_700_000_000_000, shard: 5, queueNo: 9 }, 7n);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('refuses anything else', () => {
    for (const text of ['', 'x', '018bcfe5-6800-4005-8000-000000000007', '018BCFE5-6800-7005-8000-000000000007']) {
      expect(parseJobId(text)).toBeUndefined();
    }
  });

  it('is of no time whose minute the stores cannot count', () => {
    const at = (createdAtMs: number) => composeJobId({ createdAtMs, shard: 4095, queueNo: maxQueueNo }, 2n ** 42n - 1n);
    expect(bucketOf(at(idTimeMaxMs))).toBe(2 ** 31 - 1);
    expect(parseJobId(at(idTimeMaxMs))).toBe(at(idTimeMaxMs));
    fc.assert(
      fc.property(fc.integer({ min: idTimeMaxMs + 1, max: 2 ** 48 - 1 }), (ms) => {
        expect(parseJobId(at(ms))).toBeUndefined();
      }),
    );
  });

  it('never repeats or goes back within a generator, even when the clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 200 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (clock, random) => {
          let i = 0;
          const next = createJobIdGenerator({ shard: 3, nowMs: () => clock[i++] ?? 0, random: () => random });
          const ids = clock.map(() => next(12));
          const sorted = [...new Set(ids)].sort();
          expect(sorted).toEqual(ids);
        },
      ),
    );
  });

  it('says of any two of a generator which is later, whatever their queues and the clock', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ nowMs: fc.nat({ max: 20 }), queueNo: fc.nat({ max: maxQueueNo }) }), { maxLength: 200 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (steps, random) => {
          let nowMs = 0;
          const next = createJobIdGenerator({ shard: 3, nowMs: () => nowMs, random: () => random });
          const ranks = steps.map((step) => {
            ({ nowMs } = step);
            return jobRank(next(step.queueNo));
          });
          expect([...new Set(ranks)].sort((a, b) => a - b)).toEqual(ranks);
        },
      ),
    );
  });

  it('goes on with the next ms when all ids of one are made', () => {
    const next = createJobIdGenerator({ shard: 3, nowMs: () => 7, random: () => 1 - Number.EPSILON });
    const ids = Array.from({ length: 2 * idsPerMsMax + 1 }, (_, n) => next(n % 3));
    const at = (n: number): number => jobIdParts(ids[n] as (typeof ids)[number]).createdAtMs;
    expect([0, 999, 1_000, 1_999, 2_000].map(at)).toEqual([7, 7, 8, 8, 9]);
    expect(ids.map(jobRank)).toEqual(ids.map((_, n) => 7_000 + n));
  });

  it('whose ms was not counted ranks within it', () => {
    const id = composeJobId({ createdAtMs: 7, shard: 3, queueNo: 1 }, 2n ** 42n - 1n);
    expect(jobRank(id)).toBe(7_999);
  });
});
