/** Texts of the console: durations, numbers, what cannot be seen, lines for the command line, curves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cliLine, flag, shellWord } from '../../../console/src/text/cli-lines.ts';
import {
  ageText,
  clockText,
  durationMs,
  durationText,
  settingText,
  timeMs,
} from '../../../console/src/text/durations.ts';
import { bytesText, countText, rateText } from '../../../console/src/text/numbers.ts';
import { sparkShape, withSample } from '../../../console/src/text/sparks.ts';
import { visibleParts, visibleText } from '../../../console/src/text/visible.ts';

describe('durations', () => {
  it.each([
    [-5, '0 ms'],
    [0, '0 ms'],
    [999.4, '999 ms'],
    [999.6, '1.00 s'],
    [1_000, '1.00 s'],
    [12_340, '12.3 s'],
    [59_949, '59.9 s'],
    [59_999, '1m 00s'],
    [185_000, '3m 05s'],
    [7_860_000, '2h 11m'],
    [356_400_000, '4d 03h'],
  ])('%d ms are %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  it('are read as the contract writes them, and written as the command line takes them', () => {
    expect([durationMs('1.5s'), durationMs('0s'), durationMs(undefined), durationMs('x')]).toEqual([
      1_500,
      0,
      undefined,
      undefined,
    ]);
    expect([300_000, 604_800_000, 1_500, 90_000].map(settingText)).toEqual(['5m', '7d', '1500ms', '90s']);
    expect([ageText(10), ageText(2_900), ageText(61_000)]).toEqual(['now', '2 s', '1m 01s']);
    expect(timeMs('2026-11-30T12:00:00.250Z')).toBe(Date.UTC(2026, 10, 30, 12, 0, 0, 250));
    expect(timeMs('soon')).toBeUndefined();
    expect(clockText(timeMs('2026-11-30T12:00:00.007Z') ?? 0, true)).toMatch(/^\d\d:\d\d:00\.007$/);
  });
});

it('numbers are short, and never rounded to nothing', () => {
  expect([countText(12_834), countText(999), countText(1_234_567)]).toEqual([
    '12\u202f834',
    '999',
    '1\u202f234\u202f567',
  ]);
  expect([0, 0.001, 0.414, 12.34, 12_345].map(rateText)).toEqual(['0', '<0.01', '0.41', '12.3', '12\u202f345']);
  expect([512, 1_536, 3 * 1_048_576].map(bytesText)).toEqual(['512\u202fB', '1.5\u202fKiB', '3.0\u202fMiB']);
});

describe('texts of users', () => {
  it('show what would move or hide the text around it', () => {
    expect(visibleText('a\u202eb\u0000c\u200bd\u001b[2J\u007f')).toBe('aU+202Eb\u2400cU+200Bd\u241b[2J\u2421');
    expect(visibleText('\u2066x\ufeff\u00ad\ud800')).toBe('U+2066xU+FEFFU+00ADU+D800');
  });

  it('stay as they are in any script, with lines, tabs and emblems', () => {
    const text = 'שלום عالم 日本\tline\nüber ☂️ 😀';
    expect(visibleText(text)).toBe(text);
  });

  it('lose nothing: the parts together are the text, with a sign for each hidden character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const parts = visibleParts(text);
        const isWhole = parts.map((part) => part.text).join('') === visibleText(text);
        const isPlain = parts.every((part) => part.isSign || text.includes(part.text));
        return isWhole && isPlain && !/[\p{Bidi_Control}\0]/u.test(visibleText(text));
      }),
    );
  });
});

describe('a line for the command line', () => {
  it('is taken by a shell as it is meant', () => {
    expect(cliLine(['cancel', 'a-b', ...flag('reason', "it's late"), undefined], 'INC-1 $(rm)')).toBe(
      "troupe cancel a-b --reason 'it'\\''s late' --audit-reason 'INC-1 $(rm)'",
    );
    expect([shellWord(''), shellWord('a b'), shellWord('*'), shellWord('/node/x:1')]).toEqual([
      "''",
      "'a b'",
      "'*'",
      '/node/x:1',
    ]);
  });
});

describe('a curve', () => {
  const size = { width: 100, height: 20 };

  it('keeps the samples of its window, one for each moment', () => {
    let samples = withSample([], { atMs: 0, value: 1 }, 1_000);
    for (const atMs of [400, 800, 800, 1_200]) samples = withSample(samples, { atMs, value: atMs }, 1_000);
    expect(samples.map(({ atMs }) => atMs)).toEqual([400, 800, 1_200]);
  });

  it('has a gap where nothing was heard, and stays in its box', () => {
    const samples = [0, 1_000, 60_000, 61_000].map((atMs) => ({ atMs, value: atMs / 1_000 }));
    const { line, area } = sparkShape(samples, size, 100_000);
    expect(line.match(/M/g)).toHaveLength(2);
    expect(area.match(/Z/g)).toHaveLength(2);
    const numbers = [...line.matchAll(/[\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y));
    expect(Math.max(...numbers)).toBeLessThanOrEqual(20);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(sparkShape([], size, 1)).toEqual({ line: '', area: '' });
  });
});
