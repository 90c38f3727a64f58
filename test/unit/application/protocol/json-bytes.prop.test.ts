import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonBytes } from '../../../../src/application/protocol/json-bytes.ts';

/** Any UTF-16 units: controls, quotes, surrogates with and without their other half. */
const text = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));

describe('jsonBytes', () => {
  it('is never less than the JSON text takes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(text, text), (some, words) => {
        const value = [some, words];
        expect(jsonBytes(value)).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)));
      }),
    );
  });

  it('is exact for text without surrogates', () => {
    for (const text of ['', 'plain', '"quoted" \\ back', 'grüße', '€ and \u0001']) {
      expect(jsonBytes(text)).toBe(Buffer.byteLength(JSON.stringify(text)));
    }
  });

  it('covers lone surrogates', () => {
    expect(jsonBytes('\ud800')).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify('\ud800')));
  });

  it('leaves out members that JSON leaves out', () => {
    expect(jsonBytes({ gone: undefined })).toBe(2);
  });
});
