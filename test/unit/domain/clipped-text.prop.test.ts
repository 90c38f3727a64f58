import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clipped, cutAt } from '../../../src/domain/clipped-text.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 60 });

it('is well-formed, and the beginning of what was well-formed', () => {
  fc.assert(
    fc.property(anyText, fc.nat(60), (text, max) => {
      const cut = clipped(text, max);
      expect(cut.length).toBeLessThanOrEqual(max);
      expect(cut.isWellFormed()).toBe(true);
      if (text.isWellFormed()) expect(text.startsWith(cut)).toBe(true);
    }),
  );
});

it('pieces of a text are the text', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 2, max: 9 }), (text, size) => {
      let whole = '';
      let from = 0;
      while (from < text.length) {
        const end = cutAt(text, from + size);
        const piece = text.slice(from, end);
        from = end;
        if (text.isWellFormed()) expect(piece.isWellFormed()).toBe(true);
        whole += piece;
      }
      expect(whole).toBe(text);
    }),
  );
});

it('gives up a whole character rather than half of it', () => {
  expect(clipped('Holiday 🎉', 9)).toBe('Holiday ');
  expect(clipped('Holiday \ud83c', 9)).toBe('Holiday \ufffd');
});
