import { expect, it } from 'vitest';
import { similarNames, similarText } from '../../../src/domain/similar-names.ts';

const names = ['image.thumbnail', 'image.thumbnails', 'csv.summarize', 'fractal.render'];

it.each([
  ['image.thumbnal', ['image.thumbnail', 'image.thumbnails']],
  ['Image.Thumbnail', ['image.thumbnail', 'image.thumbnails']],
  ['csv.sumarise', ['csv.summarize']],
  ['report.build', []],
  ['', []],
])('%s', (word, expected) => {
  expect(similarNames(word, names)).toEqual(expected);
});

it('says so, or nothing', () => {
  expect(similarText('csv.sumarize', names)).toBe('; did you mean csv.summarize?');
  expect(similarText('report.build', names)).toBe('');
});

it('looks at a thousand names at most', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => `other-name-${n}`);
  expect(similarNames('csv.sumarize', [...many, 'csv.summarize'])).toEqual([]);
});
