import { describe, expect, it } from 'vitest';
import { clipped } from '../../../src/domain/clipped-text.ts';
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

  it('takes the password out of a login in base64, and values without padding or for URLs', () => {
    const value = 'hunter2?>hunter2~?>';
    const mask = maskOf({ one: value });
    for (const login of ['', 'u:', 'me:', 'bob:', 'alice:'])
      for (const coding of ['base64', 'base64url'] as const) {
        const text = Buffer.from(`${login}${value}`).toString(coding);
        const masked = mask.text(text, 1_000);
        expect(masked, text).toContain('[secret one]');
        const left = Buffer.from(masked.replace(/\[secret one\]/, ''), coding).toString('latin1');
        expect(left, text).not.toMatch(/unter|hunte/);
      }
    expect(mask.text(new URLSearchParams({ p: value }).toString(), 1_000)).toBe('p=[secret one]');
  });

  it('takes what programs read out of JSON and URLs', () => {
    const key = '-----BEGIN X-----\nMIIEvQIBADANBg\n-----END X-----';
    const account = JSON.stringify({ type: 'account', login: { password: 'hunter2-hunter2' }, keys: [key] }, null, 2);
    const mask = maskOf({ account, db: 'postgres://me:p%40ss-word%21@db/x', broken: '{"password": "hunter3-hunter3"' });
    expect(mask.text('hunter2-hunter2 MIIEvQIBADANBg', 1_000)).toBe('[secret account] [secret account]');
    expect(mask.text('p@ss-word! p%40ss-word%21', 1_000)).toBe('[secret db] [secret db]');
    expect(mask.text('an account of me', 1_000)).toBe('an account of me');
    expect(maskOf({ deep: '['.repeat(65_536) }).text('[[[', 100)).toBe('[[[');
  });

  it('takes the beginning of a value also where a surrogate pair made the cut text shorter', () => {
    const mask = maskOf({ one: 'hunter2\u{1f600}hunter2' });
    const cut = clipped(`${'.'.repeat(40)}hunter2\u{1f600}`, 48);
    expect(cut).toHaveLength(47);
    expect(mask.text(cut, 48)).toBe('.'.repeat(40));
  });

  it('holds little of a long value, and finds it where a text is cut', () => {
    const mask = maskOf({ long: 'hunter2-'.repeat(8_000) });
    expect(mask.text(`is ${'hunter2-'.repeat(600)}`.slice(0, 2_000), 2_000)).toBe('is ');
  });

  it('forgets what came first where it makes room for what is new', () => {
    const mask = new SecretMask();
    for (let n = 0; n < 1_000; n += 1) mask.addLatest('many', `value-number-${n}`);
    expect(mask.text('value-number-999 value-number-900', 100)).toBe('[secret many] [secret many]');
    expect(mask.text('value-number-0', 100)).toBe('value-number-0');
    mask.addLatest('lines', Array.from({ length: 5_000 }, (_, n) => `line-number-${n}`).join('\n'));
    expect(mask.text('line-number-10', 100)).toBe('[secret lines]');
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
    expect(taken).toBeGreaterThan(300);
    expect(taken).toBeLessThanOrEqual(2_000);
    expect(mask.add('again', 'value-number-0')).toBe(true);
    expect(mask.text('value-number-0', 100)).toBe('[secret many]');
  });
});
