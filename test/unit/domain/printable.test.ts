import fc from 'fast-check';
import { expect, it } from 'vitest';
import { oneLine, printable } from '../../../src/domain/printable.ts';

it('shows what a terminal would obey', () => {
  expect(printable('a\u001B[2J\u0007b\u009B1mc\r')).toBe('a\\x1b[2J\\x07b\\x9b1mc\\x0d');
  expect(printable('over\u202Eridden')).toBe('over\\u202eridden');
});

it('keeps lines, or makes one of them', () => {
  expect(printable('one\r\n\ttwo\n')).toBe('one\n\ttwo\n');
  expect(oneLine('one\r\n\ttwo\u2028three')).toBe('one two three');
});

it('leaves nothing that is obeyed, and all else as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/u);
      expect(oneLine(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      expect(printable(text)).toBe(text);
    }),
  );
});
