/** Which fields of a table the sample takes for numbers and dates: none that would come out as another one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ColumnSummary } from '../../../examples/lib/column-summary.ts';
import { kindOf } from '../../../examples/lib/value-kind.ts';

describe('kindOf', () => {
  it.each([
    ['0', 'integer'],
    ['-12', 'integer'],
    ['9007199254740991', 'integer'],
    ['9007199254740993', 'text'],
    ['1970670598291982290', 'text'],
    ['007', 'text'],
    ['0.5', 'number'],
    ['.5', 'number'],
    ['5.', 'number'],
    ['12.50', 'number'],
    ['0.14285714285714285', 'number'],
    ['1.00000000000000000000', 'number'],
    ['12345678901234567.89', 'text'],
    ['01.5', 'text'],
    ['1.5E-05', 'number'],
    ['1.0E10', 'number'],
    ['1e+21', 'number'],
    ['0.0e0', 'number'],
    ['888E010010', 'text'],
    ['12E5', 'text'],
    ['1.5e999', 'text'],
    ['1.5e-999', 'text'],
    ['.', 'text'],
    ['1e', 'text'],
    ['0x10', 'text'],
    ['Infinity', 'text'],
    ['yes', 'boolean'],
    ['2024-02-29', 'date'],
    ['2023-02-29', 'text'],
    ['2027-13-45', 'text'],
    ['2027-00-10', 'text'],
    ['2027-04-31', 'text'],
    ['2027-04-30T23:59:60Z', 'date'],
    ['2027-04-30 23:59', 'date'],
    ['2027-04-30T24:10', 'text'],
    ['2027-04-30T10:00+02:00', 'date'],
    ['2027-04-30T10:00+25:00', 'text'],
  ])('%s is %s', (value, kind) => {
    expect(kindOf(value)).toBe(kind);
  });

  it('takes what a program writes of a double for a number that is the same', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const isWhole = Number.isInteger(number) && !String(number).includes('e');
        const isLong = isWhole && !Number.isSafeInteger(number);
        expect(kindOf(String(number))).toBe(isLong ? 'text' : isWhole ? 'integer' : 'number');
      }),
    );
  });

  it('takes no integer for a number that is another one', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (whole) => {
        const isKept = BigInt(Number(whole)) === whole && Number.isSafeInteger(Number(whole));
        expect(kindOf(String(whole))).toBe(isKept ? 'integer' : 'text');
      }),
    );
  });
});

describe('ColumnSummary', () => {
  it('keeps a column of ids as text, each as it is written', () => {
    const column = new ColumnSummary('id');
    for (const id of ['1970670598291982290', '1970670598291982291', '888E010010', '17']) column.add(id);
    expect(column.report(0)).toMatchObject({
      type: 'text',
      min: '17',
      max: '888E010010',
      mean: null,
      stddev: null,
      distinct: 4,
    });
  });
});
