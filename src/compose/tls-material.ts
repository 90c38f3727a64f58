/**
 * Checks certificates, keys and authorities that somebody replaces meanwhile: what is half written must not be used. TLS
 * itself would take a certificate with a key of another kind, and authorities of which it can read only some or none.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** PEM texts. */
interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws unless the key is that of the certificate. */
export function checkPair({ cert, key }: Pair): void {
  createSecureContext({ cert, key });
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the key is not that of the certificate');
  }
}

/** Throws unless there is a certificate, and all that begin are whole. */
export function checkAuthorities(pem: Buffer): void {
  const parts = pem
    .toString('latin1')
    .split(/(?=-----BEGIN )/)
    .filter((part) => certificateStart.test(part));
  if (parts.length === 0) throw new Error('the file of the authorities holds no certificate');
  for (const part of parts) new X509Certificate(part);
}

const certificateStart = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
