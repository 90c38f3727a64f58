import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuditEntry,
  changesBetween,
  cut,
  entryText,
  parseEntry,
} from '../../../../src/domain/audit/audit-entry.ts';

const maxBytes = 8_192;
const bytesOf = (text: string): number => Buffer.byteLength(text);

describe('the text of an entry', () => {
  it('has its keys in order, whoever made it', () => {
    const one = {
      at: 1,
      seq: 2,
      kind: 'denied',
      code: 'TOKEN_INVALID',
      call: { method: 'M', address: 'a', requestId: 'r' },
    };
    const other = {
      call: { requestId: 'r', address: 'a', method: 'M' },
      code: 'TOKEN_INVALID',
      kind: 'denied',
      seq: 2,
      at: 1,
    };
    const [left, right] = [one, other].map((entry) => entryText(entry as AuditEntry, maxBytes, bytesOf));
    expect(left).toBe(right);
    expect(left).toBe(
      '{"at":1,"call":{"address":"a","method":"M","requestId":"r"},"code":"TOKEN_INVALID","kind":"denied","seq":2}',
    );
    expect(parseEntry(left ?? '')).toEqual(one);
  });

  it('fits, whatever is in it, and comes back', () => {
    const text = fc.string({ unit: 'binary', maxLength: 2_000 });
    const change = fc.record({ field: text, old: text, new: text });
    const call = fc.record({
      method: text,
      address: text,
      agent: text,
      requestId: text,
      reason: text,
      about: fc.dictionary(text, text),
    });
    const entries = fc.oneof(
      fc.record({ kind: fc.constant('intent'), at: fc.nat(), seq: fc.nat(), call }),
      fc.record({
        kind: fc.constant('outcome'),
        at: fc.nat(),
        seq: fc.nat(),
        of: fc.record({ at: fc.nat(), seq: fc.nat() }),
        code: fc.constant('OK'),
        changes: fc.array(change, { minLength: 90, maxLength: 120 }),
        jobs: fc.record({ count: fc.nat(), ids: fc.array(text, { maxLength: 120 }) }),
      }),
    );
    fc.assert(
      fc.property(entries, (entry) => {
        const written = entryText(entry, maxBytes, bytesOf);
        expect(bytesOf(written)).toBeLessThanOrEqual(maxBytes);
        expect(written.isWellFormed()).toBe(true);
        expect(parseEntry(written)).toMatchObject({ kind: entry.kind, at: entry.at, seq: entry.seq });
      }),
      { numRuns: 200 },
    );
  });

  it('of the worst characters fits, too', () => {
    const worst = '\u0001'.repeat(600);
    const about = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`${n}${worst}`, worst]));
    const call = {
      method: worst,
      address: worst,
      agent: worst,
      requestId: worst,
      reason: worst,
      principal: worst,
      credential: worst,
      about,
    };
    expect(bytesOf(entryText({ kind: 'intent', at: 1, seq: 1, call }, maxBytes, bytesOf))).toBeLessThanOrEqual(
      maxBytes,
    );
  });

  it('has who called what, and the call that an outcome belongs to, whatever is cut', () => {
    const worst = '\u0001'.repeat(600);
    const changes = Array.from({ length: 40 }, (_, n) => ({ field: `f${n}`, old: worst, new: worst }));
    const jobs = { count: 7, ids: [worst] };
    const outcome = { kind: 'outcome', at: 3, seq: 2, of: { at: 1, seq: 1 }, code: 'OK', changes, jobs } as const;
    expect(parseEntry(entryText(outcome, maxBytes, bytesOf))).toMatchObject({
      ...{ kind: 'outcome', at: 3, seq: 2, of: { at: 1, seq: 1 }, code: 'OK', jobs: { count: 7 } },
    });
    const about = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`a${n}`, worst]));
    const call = { method: 'M', principal: 'p', address: 'a', requestId: 'r', agent: worst, credential: 'c', about };
    const intent = {
      kind: 'intent',
      at: 1,
      seq: 1,
      call: { ...call, principalKind: 'service', reason: worst },
    } as const;
    const { about: _, agent: __, ...kept } = call;
    expect(parseEntry(entryText(intent, maxBytes, bytesOf))).toMatchObject({ kind: 'intent', call: kept });
  });

  it('is cut between characters, and says so', () => {
    expect(cut('abc', 3)).toBe('abc');
    expect(cut('abcd', 3)).toBe('ab…');
    expect(cut('a\u{1F600}bc', 3)).toBe('a\uFFFD…');
    expect(cut('\uD800', 3)).toBe('\uFFFD');
  });

  it('that no gateway has written is none', () => {
    for (const text of ['', '{', 'null', '[]', '{"kind":"intent"}', '7']) expect(parseEntry(text)).toBeUndefined();
  });
});

describe('changes of settings', () => {
  it('are those that differ, by name, with hostile names', () => {
    const before = { retry: { max: 1 }, depth: 5, same: [1], toString: 'x', gone: true };
    const after = JSON.parse('{"__proto__":{"a":1},"retry":{"max":2},"depth":5,"same":[1],"toString":"y"}') as object;
    expect(changesBetween(before, { ...after })).toEqual([
      { field: '__proto__', new: '{"a":1}' },
      { field: 'gone', old: 'true' },
      { field: 'retry', old: '{"max":1}', new: '{"max":2}' },
      { field: 'toString', old: 'x', new: 'y' },
    ]);
    expect(changesBetween(undefined, { a: '' })).toEqual([{ field: 'a', new: '' }]);
    expect(changesBetween({ a: 1 }, undefined)).toEqual([{ field: 'a', old: '1' }]);
  });
});
