/** The certificate of a server, which may be renewed while it runs: connections that exist go on, new ones get the new one. */
import { experimental, type ServerCredentials } from '@grpc/grpc-js';

export interface TlsMaterial {
  /** PEM: the certificate with its chain. */
  readonly cert: Buffer;
  /** PEM. */
  readonly key: Buffer;
  /** PEM. Callers must present a certificate of these authorities. Undefined: they need none. */
  readonly clientCa?: Buffer;
}

export interface ServerTls {
  /** Callers must present a certificate. The same for the life of the server. */
  readonly asksCallers: boolean;
  /** Calls the listener with the present material, and with each later one until the returned function is called. */
  follow(listener: (material: TlsMaterial) => void): () => void;
}

type IdentityListener = Parameters<experimental.CertificateProvider['addIdentityCertificateListener']>[0];
type CaListener = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];

export function secureCredentials(tls: ServerTls): ServerCredentials {
  const provider = providerOf(tls);
  // The first parameter is the identity, whatever grpc-js names it.
  return experimental.createCertificateProviderServerCredentials(
    provider,
    tls.asksCallers ? provider : null,
    tls.asksCallers,
  );
}

/** grpc-js marks these interfaces as experimental, and nothing else of it renews certificates. They are used here alone. */
function providerOf(tls: ServerTls): experimental.CertificateProvider {
  /** What ends each listener. */
  const ends = new Map<unknown, () => void>();
  const begin = (listener: unknown, tell: (material: TlsMaterial) => void): void => {
    let end: (() => void) | undefined;
    let isOver = false;
    ends.set(listener, () => {
      isOver = true;
      end?.();
    });
    // The server hears of the first certificate only if it comes after this call has returned.
    process.nextTick(() => {
      if (!isOver) end = tls.follow(tell);
    });
  };
  const stop = (listener: unknown): void => {
    ends.get(listener)?.();
    ends.delete(listener);
  };
  return {
    addIdentityCertificateListener(listener: IdentityListener) {
      begin(listener, ({ cert, key }) => listener({ certificate: cert, privateKey: key }));
    },
    addCaCertificateListener(listener: CaListener) {
      begin(listener, ({ clientCa }) => listener(clientCa === undefined ? null : { caCertificate: clientCa }));
    },
    removeIdentityCertificateListener: stop,
    removeCaCertificateListener: stop,
  };
}
