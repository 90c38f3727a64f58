import { expect, it } from 'vitest';
import { complete, given } from '../../../src/domain/given.ts';

it('leaves out what is undefined, and nothing else', () => {
  const fields = { none: undefined, nothing: null, zero: 0, no: false, text: '', list: [] };
  expect(Object.keys(given(fields))).toEqual(['nothing', 'zero', 'no', 'text', 'list']);
  expect({ zero: 1, ...given({ zero: undefined }) }).toEqual({ zero: 1 });
});

it('makes a complete object of named fields', () => {
  const fields = { must: 1, may: undefined };
  expect(Object.keys(complete<{ readonly must: number; readonly may?: string }>(fields))).toEqual(['must']);
});
