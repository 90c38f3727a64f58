import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstantMs } from '../../../src/domain/instant-text.ts';

describe('instants', () => {
  it.each([
    ['2027-02-01T06:00:00Z', '2027-02-01T06:00:00.000Z'],
    ['2027-02-01T06:00Z', '2027-02-01T06:00:00.000Z'],
    ['2027-02-01t06:00:00.5z', '2027-02-01T06:00:00.500Z'],
    ['2027-02-01T07:00:00+01:00', '2027-02-01T06:00:00.000Z'],
    ['2027-01-31T18:30:00.123456-11:30', '2027-02-01T06:00:00.123Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('reads %s', (text, expected) => {
    expect(new Date(parseInstantMs(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    ['', 'nothing'],
    ['1', 'a number, which Date reads as 2001'],
    ['1772344800000', 'a number of milliseconds'],
    ['tomorrow', 'a word'],
    ['2027-02-01', 'a day'],
    ['2027-02-01T06:00:00', 'no zone'],
    ['2027-02-01 06:00:00Z', 'a blank'],
    ['2027-02-30T06:00:00Z', 'no such day, which Date reads as 2 March'],
    ['2027-02-29T06:00:00Z', 'no leap year'],
    ['2027-13-01T06:00:00Z', 'no such month'],
    ['2027-00-01T06:00:00Z', 'no such month'],
    ['2027-02-01T24:00:00Z', 'the next day'],
    ['2027-02-01T06:60:00Z', 'no such minute'],
    ['2027-02-01T06:00:60Z', 'a leap second'],
    ['2027-02-01T06:00:00+25:00', 'no such zone'],
    ['2027-02-01T06:00:00Z ', 'more after it'],
  ])('refuses %j: %s', (text) => {
    expect(parseInstantMs(text)).toBeUndefined();
  });

  it('reads every instant of the years 1 to 9999 that Date writes', () => {
    const instants = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z') });
    fc.assert(
      fc.property(
        instants.filter((date) => !Number.isNaN(date.getTime())),
        (date) => {
          expect(parseInstantMs(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });
});
