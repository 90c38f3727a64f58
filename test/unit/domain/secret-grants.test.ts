import { describe, expect, it } from 'vitest';
import { maySee, secretNamePattern } from '../../../src/domain/secret-grants.ts';

const grants = [
  { secrets: ['smtp-password'], handlers: ['mail.*'], tenants: ['acme'] },
  { secrets: ['shared-*'], handlers: ['report'], tenants: ['*'] },
];
const sees = (tenant: string, handler: string, secret: string): boolean => maySee(grants, { tenant, handler }, secret);

describe('the table of secrets', () => {
  it('gives a secret where secret, handler and tenant fit one entry', () => {
    expect(sees('acme', 'mail.send', 'smtp-password')).toBe(true);
    expect(sees('anyone', 'report', 'shared-key')).toBe(true);
    for (const [tenant, handler, secret] of [
      ['other', 'mail.send', 'smtp-password'],
      ['acme', 'mailer', 'smtp-password'],
      ['acme', 'mail.send', 'smtp-password2'],
      ['acme', 'mail.send', 'shared-key'],
      ['acme', 'report', 'smtp-password'],
      ['__proto__', 'toString', 'constructor'],
    ] as const)
      expect(sees(tenant, handler, secret), secret).toBe(false);
    expect(maySee([], { tenant: 'acme', handler: 'report' }, 'shared-key')).toBe(false);
  });

  it('knows names that lead out of the folder', () => {
    for (const name of [
      '',
      '.',
      '..',
      '../x',
      'a/../b',
      'a/..',
      '/a',
      'a/',
      'a/b/c',
      'a\\b',
      '.hidden',
      '..data',
      'a\0b',
      'x'.repeat(254),
    ])
      expect(secretNamePattern.test(name), name).toBe(false);
    for (const name of ['a', 'tls.key', 'A_b-1', '__proto__', 'smtp/password'])
      expect(secretNamePattern.test(name), name).toBe(true);
  });
});
