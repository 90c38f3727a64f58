import { describe, expect, it } from 'vitest';
import { LineBuffer } from '../../../../src/adapters/piscina/protocol/output-capture.ts';

function setUp() {
  const lines: string[] = [];
  return { lines, buffer: new LineBuffer((line) => lines.push(line)) };
}

describe('what is printed', () => {
  it('is a line when its end comes, or the end of all', () => {
    const { lines, buffer } = setUp();
    for (const chunk of ['a', 'b\nc\n\nd', '', 'e']) buffer.push(chunk);
    expect(lines).toEqual(['ab', 'c', '']);
    buffer.flush();
    buffer.flush();
    expect(lines).toEqual(['ab', 'c', '', 'de']);
  });

  it('is cut if it does not end: the rest of the line is no line of its own, in however many pieces it comes', () => {
    const { lines, buffer } = setUp();
    buffer.push(`${'x'.repeat(9_000)}hunter2-`);
    for (let n = 0; n < 5; n += 1) buffer.push('hunter2'.repeat(2_000));
    buffer.push('hunter2\nnext\n');
    expect(lines).toEqual([`${'x'.repeat(9_000)}hunter2-`, 'next']);
    buffer.push('y'.repeat(9_000));
    buffer.push('rest');
    buffer.flush();
    buffer.push('after\n');
    expect(lines.slice(2)).toEqual(['y'.repeat(9_000), 'after']);
  });

  it('may come in bytes, of which a piece ends within a character', () => {
    const { lines, buffer } = setUp();
    for (const byte of Buffer.from('grün €\n')) buffer.push(Uint8Array.of(byte));
    expect(lines).toEqual(['grün €']);
  });
});
