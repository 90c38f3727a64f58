/** The TLS of a connection: whom the client trusts, and the certificate by which a gateway or its proxy knows the client. */
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { notSayable } from './client-error.ts';

/** PEM texts. `cert` and `key` are given together or not at all. */
export interface TlsOptions {
  /** Certificates of the authorities that certify the gateway. Default: those of the system. */
  readonly ca?: Buffer;
  /** The certificate of the client, followed by those that lead to its authority. Default: none. */
  readonly cert?: Buffer;
  /** The private key of `cert`, without a passphrase. */
  readonly key?: Buffer;
}

/** Throws INVALID_ARGUMENT that names `tls.ca`, `tls.cert` or `tls.key`. No error has a word of a key. */
export function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { ca, cert, key } = tls;
  if (ca !== undefined) certificateOf(ca, 'tls.ca');
  if (cert === undefined && key === undefined) return credentials.createSsl(ca);
  if (cert === undefined) throw wrong('tls.cert', 'is missing: a key needs its certificate');
  if (key === undefined) throw wrong('tls.key', 'is missing: a certificate needs its key');
  const own = certificateOf(cert, 'tls.cert');
  if (!own.checkPrivateKey(privateKeyOf(key)))
    throw wrong('tls.key', 'is the key of another certificate than tls.cert');
  return credentials.createSsl(ca, key, cert);
}

function certificateOf(pem: Buffer, field: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw wrong(field, 'is not a certificate in PEM');
  }
}

function privateKeyOf(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const isLocked = error instanceof Error && 'code' in error && error.code === 'ERR_MISSING_PASSPHRASE';
    throw wrong('tls.key', isLocked ? 'has a passphrase: write it without one' : 'is not a private key in PEM');
  }
}

function wrong(field: string, description: string): Error {
  return notSayable('INVALID_ARGUMENT', [{ field, description }]);
}
