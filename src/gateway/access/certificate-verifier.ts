/** Finds out who a client with a certificate is. TLS has checked that an authority of the configuration certifies it. */
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../../application/ports/runtime.ts';
import type { CertificateTable } from '../../domain/access/client-certificate.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { TroupeError } from '../../domain/errors.ts';
import { expiryOf } from './peer-certificates.ts';

export interface CertificateVerifierParts {
  readonly table: CertificateTable;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Told why a certificate was refused. The caller does not learn it. */
  readonly refused: (reason: string) => void;
}

export interface CertificateVerifier {
  /** Throws CERTIFICATE_INVALID or CERTIFICATE_EXPIRED. */
  verify(certificate: PeerCertificate): Principal;
}

export function createCertificateVerifier({ table, clock, refused }: CertificateVerifierParts): CertificateVerifier {
  /** By the certificate of a connection, which is the same object for all its calls. */
  const known = new WeakMap<PeerCertificate, Principal | 'refused'>();

  const look = (certificate: PeerCertificate): Principal | 'refused' => {
    try {
      const alternativeNames = certificate.subjectaltname ?? '';
      const expiresAtMs = expiryOf(certificate);
      if (Number.isNaN(expiresAtMs)) throw new Error('the expiry of a client certificate cannot be read');
      return table.principalOf({ alternativeNames, expiresAtMs });
    } catch (error) {
      refused(error instanceof Error ? error.message : String(error));
      return 'refused';
    }
  };

  return {
    verify(certificate) {
      const principal = known.get(certificate) ?? look(certificate);
      known.set(certificate, principal);
      if (principal === 'refused') throw new TroupeError('CERTIFICATE_INVALID');
      if (clock.wallMs() >= (principal.expiresAtMs ?? 0)) throw new TroupeError('CERTIFICATE_EXPIRED');
      return principal;
    },
  };
}
