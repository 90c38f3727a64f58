// Ids of objects: what is written is read back, and no text whatever names a place outside the store.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  entryExpiresAtMs,
  hourOf,
  isHour,
  isObjectId,
  objectIdText,
  objectPlace,
  parseObjectId,
} from '../../../../src/application/storage/object-id.ts';

const part = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20})?$/);
const object = fc.record({
  name: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  bytes: fc.nat({ max: 5 * 2 ** 40 }),
  sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  expiresAtMs: fc.nat({ max: Date.UTC(2200, 0) }),
});

describe('the id of an object', () => {
  it('says all that was known when it was written', () => {
    fc.assert(
      fc.property(object, (one) => {
        const id = objectIdText(one);
        expect(isObjectId(id)).toBe(true);
        expect(parseObjectId(id)).toEqual(one);
      }),
    );
  });

  it('names a place of its own, from which its expiry can be read', () => {
    fc.assert(
      fc.property(object, object, (one, other) => {
        const { hour, entry } = objectPlace(one);
        expect(isHour(hour)).toBe(true);
        expect(entryExpiresAtMs(entry)).toBe(one.expiresAtMs);
        expect(`${hour}/${entry}`).toMatch(/^[0-9T-]{13}\/\d{15}\.[A-Za-z0-9_.~-]+$/);
        const same = one.name === other.name && one.expiresAtMs === other.expiresAtMs;
        const otherPlace = objectPlace(other);
        expect(otherPlace.hour === hour && otherPlace.entry === entry).toBe(same);
        if (one.expiresAtMs < other.expiresAtMs)
          expect(`${hour}/${entry}` < `${otherPlace.hour}/${otherPlace.entry}`).toBe(true);
      }),
    );
  });

  it('is refused, or names a place in a folder of an hour, whatever the text', () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.tuple(object, fc.string()).map(([one, text]) => `${objectIdText(one)}${text}`),
      fc
        .tuple(object, fc.integer({ min: 10 ** 14, max: Number.MAX_SAFE_INTEGER }))
        .map(([one, expires]) => objectIdText(one).replace(/^object:\d+/, `object:${expires}`)),
      fc
        .tuple(object, fc.constantFrom('..', '../x', '/x', 'a/../../x', '.', 'a\\b', 'a\0b'))
        .map(([one, text]) => `${objectIdText(one).split(':').slice(0, 4).join(':')}:${text}`),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        const parsed = parseObjectId(text);
        if (parsed === undefined) return;
        const { hour, entry } = objectPlace(parsed);
        expect(isHour(hour)).toBe(true);
        expect(entry).toMatch(/^\d{15}\.[A-Za-z0-9_~-]+(\.[A-Za-z0-9_-]+)*/);
        expect(entry).not.toMatch(/[/\\\0]/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('sorts hours by time', () => {
    expect(hourOf(Date.UTC(2026, 10, 29, 22, 59, 59, 999))).toBe('2026-11-29T22');
    expect(['unfinished', '..', '2026-11-29', '2026-11-29T22:00'].filter(isHour)).toEqual([]);
  });
});
