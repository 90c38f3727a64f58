import { describe, expect, it } from 'vitest';
import { CertificateTable } from '../../../../src/domain/access/client-certificate.ts';
import { rolesWith } from '../../../../src/domain/access/role.ts';

const table = new CertificateTable(
  [
    { uri: 'spiffe://corp/ns/billing/sa/invoices', tenant: 'billing', roles: ['submitter'] },
    { uri: 'spiffe://corp/ns/billing/*', tenant: 'billing', roles: ['viewer', 'submitter@reports-*'] },
    { uri: 'spiffe://corp/*', roles: ['cluster-viewer'] },
  ],
  rolesWith({}),
);
const principalOf = (alternativeNames: string) => table.principalOf({ alternativeNames, expiresAtMs: 7 });

describe('the identities of client certificates', () => {
  it('are found by the whole URI first, then by its longest beginning', () => {
    expect(principalOf('URI:spiffe://corp/ns/billing/sa/invoices')).toMatchObject({
      kind: 'certificate',
      id: 'spiffe://corp/ns/billing/sa/invoices',
      tenant: 'billing',
      roles: ['submitter'],
      expiresAtMs: 7,
    });
    const reader = principalOf('DNS:billing.corp, URI:spiffe://corp/ns/billing/sa/reader, IP Address:10.0.0.1');
    expect(reader).toMatchObject({ tenant: 'billing', roles: ['submitter@reports-*', 'viewer'] });
    expect(reader.onlyIn.get('jobs.submit')).toEqual(['reports-*']);
    const other = principalOf('URI:spiffe://corp/ns/other');
    expect(other.tenant).toBeUndefined();
    expect([...other.permissions]).toEqual(['cluster.read']);
  });

  it('have no part in a URI that only begins like one', () => {
    for (const uri of ['spiffe://corporate/x', 'spiffe://corp', 'spiffe://other/ns/billing/sa/invoices'])
      expect(() => principalOf(`URI:${uri}`), uri).toThrow();
    expect(principalOf('URI:spiffe://corp/ns/billing-2/x').roles).toEqual(['cluster-viewer']);
  });

  it('are refused without a URI, and with several', () => {
    for (const names of ['', 'DNS:a.b', 'DNS:spiffe://corp/x', 'email:URI@corp'])
      expect(() => principalOf(names), names).toThrow(/no URI/);
    expect(() => principalOf('URI:spiffe://corp/a, URI:spiffe://corp/b')).toThrow(/several/);
    expect(() => principalOf('URI:spiffe://corp/a, URI:spiffe://corp/a')).toThrow(/several/);
  });

  it('do not take a part of one name for another name', () => {
    // As Node writes a DNS name that holds the separator.
    expect(() => principalOf('DNS:"x, URI:spiffe://corp/ns/billing/sa/invoices"')).toThrow(/no URI/);
    const quoted = 'URI:"spiffe://corp/a, URI:spiffe://corp/ns/billing/sa/invoices"';
    for (const names of [quoted, 'URI:spiffe://corp/a"b', 'nonsense', 'URI:spiffe://corp/a,URI:x'])
      expect(() => principalOf(names), names).toThrow();
  });

  it('do not take a path that leads elsewhere', () => {
    for (const path of [
      'ns/billing/../x',
      'ns//billing',
      'ns/./billing',
      '..',
      'a%2e',
      'a?b',
      'a#b',
      'a\\b',
      'a b',
      'ns/',
    ])
      expect(() => principalOf(`URI:spiffe://corp/${path}`), path).toThrow(/none that an identity can have/);
    expect(() => principalOf(`URI:spiffe://corp/${'x'.repeat(600)}`)).toThrow();
  });

  it('named as what every object has are no identities', () => {
    const bare = new CertificateTable([], rolesWith({}));
    for (const name of ['__proto__', 'toString', 'constructor'])
      expect(() => bare.principalOf({ alternativeNames: `URI:spiffe://${name}`, expiresAtMs: 1 })).toThrow(
        /in no identity/,
      );
  });
});
