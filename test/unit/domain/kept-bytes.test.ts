/** Sums of what is kept: never too low, late by a sixteenth at most, and small. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeptBytes, keptSlotsMax, leavesAtMs } from '../../../src/domain/kept-bytes.ts';
import { retentionMaxMs } from '../../../src/domain/record-life.ts';
import type { KeptPart } from '../../../src/domain/stored-bytes.ts';

const minuteMs = 60_000;
const nowMs = Date.UTC(2026, 10, 1);

const part = fc.record({
  bytes: fc.integer({ min: 1, max: 1e9 }),
  fromMs: fc.integer({ min: nowMs - retentionMaxMs, max: nowMs }),
  lifeMs: fc.oneof(fc.integer({ min: 0, max: retentionMaxMs }), fc.integer({ min: 0, max: 100 * minuteMs })),
});
const parts = fc.array(
  part.map(({ bytes, fromMs, lifeMs }): KeptPart => ({ bytes, fromMs, untilMs: fromMs + lifeMs })),
  { maxLength: 200 },
);

describe('what is kept', () => {
  it('leaves no earlier than it goes, and at most a sixteenth of its life later, or a minute', () => {
    fc.assert(
      fc.property(part, ({ fromMs, lifeMs }) => {
        const lateMs = leavesAtMs(fromMs, fromMs + lifeMs) - fromMs - lifeMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThan(Math.max(minuteMs, lifeMs / 16 + 1));
      }),
    );
  });

  it('adds up to all that is kept, and to nothing that was gone for long enough', () => {
    fc.assert(
      fc.property(parts, fc.nat(2 * retentionMaxMs), (all, laterMs) => {
        const sum = new KeptBytes();
        for (const one of all) sum.add(one, nowMs);
        const atMs = nowMs + laterMs;
        const bytesOf = (some: readonly KeptPart[]): number => some.reduce((total, { bytes }) => total + bytes, 0);
        const total = sum.total(atMs);
        expect(total).toBeGreaterThanOrEqual(bytesOf(all.filter(({ untilMs }) => untilMs > atMs)));
        const mayCount = ({ fromMs, untilMs }: KeptPart): boolean =>
          untilMs + Math.max(minuteMs, (untilMs - fromMs) / 16) > atMs;
        expect(total).toBeLessThanOrEqual(bytesOf(all.filter(mayCount)));
      }),
    );
  });

  it('is the same after it was saved and read, and nothing is left of what is removed', () => {
    fc.assert(
      fc.property(parts, (all) => {
        const sum = new KeptBytes();
        for (const one of all) sum.add(one, nowMs);
        const read = new KeptBytes();
        read.merge(sum.slots(nowMs));
        expect(read.slots(nowMs)).toEqual(sum.slots(nowMs));
        for (const one of all) read.remove(one);
        expect(read.total(nowMs)).toBe(0);
      }),
    );
  });

  it('takes nothing from others if it was never added', () => {
    const sum = new KeptBytes();
    sum.add({ bytes: 10, fromMs: nowMs, untilMs: nowMs + minuteMs }, nowMs);
    sum.remove({ bytes: 100, fromMs: nowMs, untilMs: nowMs + 10 * minuteMs });
    expect(sum.total(nowMs)).toBe(10);
  });

  it('loses what was added earlier also if that is known only after it was removed', () => {
    const earlier = { bytes: 100, fromMs: nowMs, untilMs: nowMs + minuteMs };
    const sum = new KeptBytes();
    sum.remove(earlier);
    expect(sum.total(nowMs)).toBe(0);
    expect(sum.slots(nowMs)).toEqual([]);
    sum.merge([[leavesAtMs(earlier.fromMs, earlier.untilMs), 130]]);
    expect(sum.total(nowMs)).toBe(30);
    sum.remove(earlier);
    sum.add({ ...earlier, bytes: 7 }, nowMs);
    expect(sum.total(nowMs)).toBe(7);
  });

  it('has few instants, whatever the retentions', () => {
    const sum = new KeptBytes();
    // Each minute of a year in which jobs ended, with lives from a minute to 400 days.
    for (let agoMs = 0; agoMs < retentionMaxMs; agoMs += 37 * minuteMs)
      for (let lifeMs = minuteMs; lifeMs <= retentionMaxMs; lifeMs = Math.ceil(lifeMs * 1.3))
        sum.add({ bytes: 1, fromMs: nowMs - agoMs, untilMs: nowMs - agoMs + lifeMs }, nowMs);
    for (let lifeMs = 0; lifeMs <= retentionMaxMs; lifeMs += 11 * minuteMs)
      sum.add({ bytes: 1, fromMs: nowMs, untilMs: nowMs + lifeMs }, nowMs);
    expect(sum.slots(nowMs).length).toBeGreaterThan(100);
    expect(sum.slots(nowMs).length).toBeLessThanOrEqual(keptSlotsMax);
  });
});
