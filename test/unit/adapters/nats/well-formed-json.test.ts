import { expect, it } from 'vitest';
import { wellFormedJson } from '../../../../src/adapters/nats/well-formed-json.ts';

it('has no half of a surrogate pair, not even as an escape', () => {
  const text = wellFormedJson({ failure: { message: 'bad \ud83c', list: ['\udf89', 'a\\ud83c'] } });
  expect(JSON.parse(text)).toEqual({ failure: { message: 'bad \ufffd', list: ['\ufffd', 'a\\ud83c'] } });
});

it('is JSON as ever where there is none', () => {
  for (const value of [{ note: 'Holiday 🎉', n: 1 }, ['\\ud83c'], null])
    expect(wellFormedJson(value)).toBe(JSON.stringify(value));
});
