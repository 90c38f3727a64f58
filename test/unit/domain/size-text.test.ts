/** Sizes as people write and read them. */
import { expect, it } from 'vitest';
import { parseSizeText, sizeText } from '../../../src/domain/size-text.ts';

it.each([
  ['10GiB', 10 * 2 ** 30],
  ['1.5 KiB', 1_536],
  ['2TiB', 2 ** 41],
  ['3MB', 3e6],
  ['0B', 0],
])('%s is a size', (text, bytes) => {
  expect(parseSizeText(text)).toBe(bytes);
});

it.each(['', '10', 'GiB', '-1GiB', '1gib', '1e3B', '1 GiB s', 'toString'])('%s is none', (text) => {
  expect(parseSizeText(text)).toBeUndefined();
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [10 * 2 ** 30, '10 GiB'],
  [2 ** 50, '1024 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
