import type { PeerCertificate } from 'node:tls';
import { expect, it } from 'vitest';
import { CertificateTable } from '../../../../src/domain/access/client-certificate.ts';
import { rolesWith } from '../../../../src/domain/access/role.ts';
import { createCertificateVerifier } from '../../../../src/gateway/access/certificate-verifier.ts';

const until = (validTo: string) =>
  ({ subjectaltname: 'URI:spiffe://corp/x', valid_to: validTo }) as unknown as PeerCertificate;

it('refuses a certificate whose expiry cannot be read, which would never expire', () => {
  const table = new CertificateTable([{ uri: 'spiffe://corp/x', roles: ['cluster-viewer'] }], rolesWith({}));
  const reasons: string[] = [];
  const refused = (reason: string): void => void reasons.push(reason);
  const verifier = createCertificateVerifier({ table, clock: { wallMs: () => Date.UTC(2030, 0, 1) }, refused });
  expect(() => verifier.verify(until('Bad time value'))).toThrow(
    expect.objectContaining({ code: 'CERTIFICATE_INVALID' }),
  );
  expect(reasons).toEqual(['the expiry of a client certificate cannot be read']);
  expect(() => verifier.verify(until('Jan  1 00:00:00 2030 GMT'))).toThrow(
    expect.objectContaining({ code: 'CERTIFICATE_EXPIRED' }),
  );
  expect(verifier.verify(until('Dec 31 23:59:59 9999 GMT'))).toMatchObject({ id: 'spiffe://corp/x' });
});
