import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atLeast, compareVersions, isVersionNeed, meetsVersion } from '../../../src/domain/handler-need.ts';

const numbers = fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const version = fc.oneof(
  numbers,
  fc.tuple(numbers, fc.constantFrom('-rc.1', '-rc.2', '+build')).map((parts) => parts.join('')),
  fc.stringMatching(/^[A-Za-z0-9._+-]{1,64}$/),
);

describe('what a job needs of a version', () => {
  it.each([
    ['1.4.0', '1.4.0', true],
    ['1.4.0', '1.4', false],
    ['nightly', 'nightly', true],
    ['1.4.0', '>=1.4', true],
    ['1.10.0', '>=1.9.9', true],
    ['1.3.9', '>=1.4', false],
    ['2.0.0', '>=1.4', true],
    ['1.4.0-rc.1', '>=1.4', false],
    ['1.4.1-rc.1', '>=1.4', true],
    ['nightly', '>=1.4', false],
  ])('%s meets %s: %s', (have, need, meets) => {
    expect(meetsVersion(have, need)).toBe(meets);
  });

  it.each(['1.4.0', 'nightly', '1.4.0-rc.1+7', '>=1', '>=1.4', '>=1.4.2'])('%s can be asked for', (text) => {
    expect(isVersionNeed(text)).toBe(true);
  });
  it.each(['', '^1.4', '>=', '>=1.4.2.1', '>=nightly', '>= 1', '1 2', 'x'.repeat(65)])('%j cannot', (text) => {
    expect(isVersionNeed(text)).toBe(false);
  });

  it('versions have one order', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });

  it('at least a version is met by itself and by what is newer, and can be asked for', () => {
    fc.assert(
      fc.property(version, version, (have, least) => {
        expect(isVersionNeed(atLeast(least))).toBe(true);
        expect(meetsVersion(least, atLeast(least))).toBe(true);
        if (atLeast(least) !== least && /^[\d.]+$/.test(have)) {
          expect(meetsVersion(have, atLeast(least))).toBe(compareVersions(have, least.replace(/\+.*/, '')) >= 0);
        }
      }),
    );
  });
});
