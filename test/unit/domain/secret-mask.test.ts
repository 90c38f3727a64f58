import { describe, expect, it } from 'vitest';
import { SecretMask } from '../../../src/domain/secret-mask.ts';

function maskOf(secrets: Readonly<Record<string, string>>): SecretMask {
  const mask = new SecretMask();
  for (const [name, value] of Object.entries(secrets)) expect(mask.add(name, value)).toBe(true);
  return mask;
}

describe('a mask of secrets', () => {
  it('takes each value out of a text, wherever and however often it stands', () => {
    const mask = maskOf({ one: 'hunter2-hunter2', two: 'a/b"c=d&e f' });
    const text = 'x hunter2-hunter2 y hunter2-hunter2, {"p":"a/b\\"c=d&e f"} ?p=a%2Fb%22c%3Dd%26e%20f';
    expect(mask.text(text, 1_000)).toBe('x [secret one] y [secret one], {"p":"[secret two]"} ?p=[secret two]');
    expect(mask.text(Buffer.from('hunter2-hunter2').toString('base64'), 1_000)).toBe('[secret one]');
  });

  it('takes each line of a key of several lines', () => {
    const mask = maskOf({ key: '-----BEGIN X-----\nMIIEvQIBADANBg\r\nkqhkiG9w0BAQEF\n-----END X-----' });
    expect(mask.text('at MIIEvQIBADANBg, then kqhkiG9w0BAQEF', 1_000)).toBe('at [secret key], then [secret key]');
  });

  it('takes a value whole that holds another one', () => {
    const mask = maskOf({ short: 'abcdefgh', long: 'xx-abcdefgh-yy' });
    expect(mask.text('xx-abcdefgh-yy abcdefgh', 1_000)).toBe('[secret long] [secret short]');
  });

  it('takes the beginning of a value at the end of a text that was cut, and is not longer than the text may be', () => {
    const mask = maskOf({ one: 'hunter2-hunter2' });
    const text = `${'.'.repeat(40)}hunter2-hu`;
    expect(mask.text(text, 50)).toBe('.'.repeat(40));
    expect(mask.text(text, 60)).toBe(text);
    expect(mask.text('hunter2-hunter2', 15)).toHaveLength('[secret one]'.length);
    const many = new SecretMask();
    many.add('a-name-that-is-longer-than-the-value', '12345678');
    expect(many.text('1234567812345678', 16)).toHaveLength(16);
    expect(many.text('1234567812345678', 16)).not.toMatch(/1234/);
  });

  it('leaves short values, which are parts of words', () => {
    const mask = maskOf({ pin: '1234567' });
    expect(mask.isEmpty).toBe(true);
    expect(mask.text('1234567', 10)).toBe('1234567');
  });

  it('takes names and values that replacements would read as patterns', () => {
    const mask = maskOf({ 'a$&b': '$1.*+?^${}()|[]\\' });
    expect(mask.text('<$1.*+?^${}()|[]\\>', 100)).toBe('<[secret a$&b]>');
  });

  it('refuses more values than it can look for, and then gives none away', () => {
    const mask = new SecretMask();
    let taken = 0;
    while (mask.add('many', `value-number-${taken}`)) taken += 1;
    expect(taken).toBeGreaterThan(500);
    expect(taken).toBeLessThanOrEqual(2_000);
    expect(mask.add('again', 'value-number-0')).toBe(true);
    expect(mask.text('value-number-0', 100)).toBe('[secret many]');
  });
});
